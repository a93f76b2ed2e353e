"""`pairs checkpoint`: shows checkpoints and carries them from one style to the other."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from shared.environment import environment_variable
from shared.errors import UsageError
from shared.models import PAIRS, pairs_named
from shared.program.settings import positive, whole_number

if TYPE_CHECKING:
    from shared.tools.checkpoint_conversion.contents import Contents
    from shared.tools.checkpoint_conversion.conversion_map import CrossingMap
    from shared.tools.checkpoint_conversion.plan import Plan
    from shared.tools.checkpoint_conversion.targets import Target

_PATH_HELP = (
    "prefix (folder/model-100), folder (then the newest in it, or a SavedModel), or a file: "
    ".index, .meta, .pb, .h5"
)


def _count(text: str) -> int:
    return whole_number(text, 0, "a whole number of at least 0", 2**63 - 1)


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command `checkpoint` and its own sub-commands."""
    parser = subparsers.add_parser(
        "checkpoint",
        help="inspect and compare checkpoints, convert them between the styles",
        description="Shows what checkpoints hold, compares two of them, and converts them between "
        "TensorFlow 1's Saver and TensorFlow 2's tf.train.Checkpoint: variables, optimizer slots "
        "and the step. Besides checkpoints, it reads TensorFlow 1's V1 files, SavedModels, frozen "
        "graphs (.pb), .meta files (names and shapes only) and Keras's .h5.",
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_inspect(actions)
    _add_convert(actions)
    _add_map(actions)
    _add_diff(actions)


def _add_inspect(actions: Any) -> None:
    parser = actions.add_parser(
        "inspect",
        help="show scheme (name-based or object-based), optimizer, step and variables",
        description="Shows whether a checkpoint is name-based or object-based, which optimizer "
        "left slots in it, the step, and each variable with shape, dtype, bytes and what it is a "
        "slot of.",
    )
    parser.add_argument("path", metavar="PATH", help=_PATH_HELP)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(execute=inspect)


def _add_convert(actions: Any) -> None:
    parser = actions.add_parser(
        "convert",
        help="write a checkpoint of the other style",
        description="Writes a checkpoint that the other style's program restores and goes on "
        "from. Every tensor of either side has a partner, is named in --ignore, or the conversion "
        "fails and lists it. What was written is read back and compared bit for bit; only then "
        "does it get its name, and its folder's `checkpoint` file calls it the newest.",
    )
    parser.add_argument("source", metavar="SRC", help=_PATH_HELP)
    parser.add_argument(
        "destination",
        metavar="DST",
        help="prefix to write, such as DIR/model-100, or a folder that exists or ends in /; with a "
        "folder as SRC, a folder unless it is named as a checkpoint is; where the template is a "
        "file of Keras, such a file (.h5, .keras, .weights.h5)",
    )
    parser.add_argument("--to", required=True, choices=["tf2", "tf1"], help="style to write")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--model", metavar="NAME", help=f"a pair: {', '.join(PAIRS)}")
    target.add_argument(
        "--map", metavar="FILE", help="TOML file of any other model; see `pairs checkpoint map`"
    )
    parser.add_argument(
        "--optimizer",
        choices=["keras", "tf1"],
        help="with --model and --to tf2: the --optimizer of the file that will restore it "
        "(default: the file's own)",
    )
    parser.add_argument(
        "--learning-rate",
        type=positive,
        metavar="RATE",
        help="rate that training goes on with: stored by Keras, needed for Momentum's slots "
        "(default: the one in the template or, with --model, in the file's Config)",
    )
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="PATTERN",
        help="tensor of either side that needs no partner; may hold * and be given repeatedly. "
        "One of the target keeps the template's value",
    )
    parser.add_argument(
        "--use-averages",
        action="store_true",
        help="take each variable's value from its moving average in SRC, as for predictions",
    )
    parser.add_argument(
        "--step",
        type=_count,
        metavar="N",
        help="how many updates Adam has made, where the powers of beta have underflowed and no "
        "step was saved",
    )
    parser.add_argument(
        "--verify",
        metavar="COMMAND",
        help="before DST gets its name, run this program of the target's side with two more "
        "arguments, a checkpoint to restore and an .npz to write, and compare its arrays with "
        "those of --expected; the exit code is 1 where they differ, and nothing is written",
    )
    parser.add_argument(
        "--expected", metavar="NPZ", help="arrays that the other program computed from SRC"
    )
    parser.add_argument("--dry-run", action="store_true", help="show the plan, write nothing")
    parser.add_argument("--force", action="store_true", help="replace an existing DST")
    parser.set_defaults(execute=convert)


def _add_map(actions: Any) -> None:
    parser = actions.add_parser(
        "map",
        help="propose which variable is which",
        description="Prints a map in TOML: which TF1 variable is which TF2 variable, by name, "
        "shape and role. What it is not sure of stands under [unsure] and has to be checked; what "
        "has no partner stands under [ignore] as comments.",
    )
    parser.add_argument("tf1", metavar="TF1", help="checkpoint of the TF1 program; " + _PATH_HELP)
    parser.add_argument(
        "tf2", metavar="TF2", help="checkpoint of the TF2 program; a fresh, untrained one will do"
    )
    parser.add_argument(
        "--match-values",
        action="store_true",
        help="both programs had the same values when they saved: equal values tell which is which",
    )
    parser.set_defaults(execute=propose_map)


def _add_diff(actions: Any) -> None:
    parser = actions.add_parser(
        "diff",
        help="compare two checkpoints tensor by tensor",
        description="Compares two checkpoints, name-based or object-based, tensor by tensor: "
        "bitwise equal, or how far apart, relative to B in the Euclidean norm. Paired by name, or "
        "through a map: then A is carried to the style of B first, layouts and scales included. "
        "The exit code is 0 when all are bitwise equal, 1 when any is not or stands in one of them "
        "only, 2 when they cannot be compared. What the map ignores, and what only one style "
        "keeps, such as Keras's learning rate, is listed and does not count.",
    )
    parser.add_argument("a", metavar="A", help=_PATH_HELP)
    parser.add_argument("b", metavar="B", help="likewise")
    parser.add_argument("--map", metavar="FILE", help="TOML file that says which tensor is which")
    parser.add_argument("--learning-rate", type=positive, metavar="RATE", help="as for convert")
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="PATTERN",
        help="as for convert, with --map",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(execute=diff)


def load_tensorflow() -> None:
    """Imports TensorFlow without oneDNN, which computes faster but never gives memory back.

    Nothing is computed here, and a large tensor would stay in memory beside the next one. Programs
    that this one starts, such as those of --verify, have oneDNN as before.
    """
    if "tensorflow" in sys.modules:
        return
    with environment_variable("TF_ENABLE_ONEDNN_OPTS", "0"):
        import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported

        # isort: split
        import tensorflow as tf

        tf.config.list_logical_devices()  # makes them, which is when the variable is read


def inspect(arguments: argparse.Namespace) -> int:
    """Runs `pairs checkpoint inspect`."""
    load_tensorflow()
    from shared.tools.checkpoint_conversion.contents import describe
    from shared.tools.checkpoint_conversion.summary import summary

    found = summary(describe(arguments.path))
    if arguments.json:
        print(json.dumps(found, indent=2))
        return 0
    from shared.tools.checkpoint_conversion.tables import print_summary

    print_summary(found)
    return 0


def propose_map(arguments: argparse.Namespace) -> int:
    """Runs `pairs checkpoint map`: the map on standard output, the counts on standard error."""
    load_tensorflow()
    from shared.tools.checkpoint_conversion import contents
    from shared.tools.checkpoint_conversion.map_text import map_text
    from shared.tools.checkpoint_conversion.proposal import propose
    from shared.tools.checkpoint_conversion.tf1_objects import as_tf1

    tf1, tf2 = as_tf1(contents.describe(arguments.tf1)), contents.describe(arguments.tf2)
    contents.require_scheme(tf1, contents.NAME_BASED)
    contents.require_scheme(tf2, contents.OBJECT_BASED)
    proposal = propose(tf1, tf2, arguments.match_values)
    print(map_text(proposal), end="")
    sure = sum(map(len, proposal.sure.values()))
    open_layouts = sum(bool(layout.unsure) for layout in proposal.layouts)
    open_counts = sum(bool(adam.unsure) for adam in proposal.keras_adams)
    arranged = len(proposal.layouts) - open_layouts
    alone = sum(map(len, proposal.without_partner()))
    print(
        f"{sure} pairs, {f'{arranged} layouts, ' if arranged else ''}"
        f"{len(proposal.doubts) + open_layouts + open_counts} unsure, "
        f"{alone} tensors without a partner",
        file=sys.stderr,
    )
    return 0


def diff(arguments: argparse.Namespace) -> int:
    """Runs `pairs checkpoint diff`."""
    load_tensorflow()
    from shared.tools.checkpoint_conversion import differences
    from shared.tools.checkpoint_conversion.contents import describe

    a, b = describe(arguments.a), describe(arguments.b)
    if arguments.map:
        plan = _plan_between(arguments, a, b)
        found = list(differences.through_plan(plan, plan.template))
    elif arguments.learning_rate or arguments.ignore:
        raise UsageError("--learning-rate, --ignore: expected --map beside them; found none")
    else:
        found = list(differences.by_name(a, b))
    counts = differences.counts(found)
    if arguments.json:
        tensors = [dataclasses.asdict(difference) for difference in found]
        report = {"a": a.prefix, "b": b.prefix, "counts": counts, "tensors": tensors}
        print(json.dumps(_without_infinities(report), indent=2, allow_nan=False))
    else:
        from shared.tools.checkpoint_conversion.tables import print_differences

        print_differences(a, b, found, counts)
    return 0 if differences.are_equal(found) else 1


def _without_infinities(report: Any) -> Any:
    """Returns a report in which a number that JSON does not have is a text."""
    if isinstance(report, dict):
        return {name: _without_infinities(value) for name, value in report.items()}
    if isinstance(report, list):
        return [_without_infinities(value) for value in report]
    return str(report) if isinstance(report, float) and not math.isfinite(report) else report


def _plan_between(arguments: argparse.Namespace, a: Contents, b: Contents) -> Plan:
    from shared.tools.checkpoint_conversion.conversion_map import load_map
    from shared.tools.checkpoint_conversion.plan import Options
    from shared.tools.checkpoint_conversion.planner import make_plan
    from shared.tools.checkpoint_conversion.tf1_objects import as_tf1

    conversion_map = load_map(arguments.map)
    if a.scheme == b.scheme:  # both object-based: whose names are those of the map for TF1?
        one, other = as_tf1(a), as_tf1(b)
        is_tf1 = set(conversion_map.variables) <= set(one.variables)
        a, b = (one, b) if is_tf1 else (a, other)
    options = Options(arguments.learning_rate, arguments.ignore)
    return make_plan(a, b, conversion_map, options)


def convert(arguments: argparse.Namespace) -> int:
    """Runs `pairs checkpoint convert`."""
    load_tensorflow()
    from shared.tools.checkpoint_conversion.shown import shown
    from shared.tools.checkpoint_conversion.tables import print_plan
    from shared.tools.checkpoint_conversion.targets import target_of

    if arguments.optimizer and not (arguments.model and arguments.to == "tf2"):
        raise UsageError("--optimizer: expected --model and --to tf2 beside it; found it alone")
    if bool(arguments.verify) != bool(arguments.expected):
        raise UsageError("--verify, --expected: expected both or none; found one of them")
    with tempfile.TemporaryDirectory() as templates:
        plan = _plan(arguments, templates)
        target = target_of(plan, arguments.destination, arguments.source, arguments.force)
        target.require_free()
        print_plan(plan, target.path)
        if arguments.dry_run:
            print("nothing written: --dry-run")
        elif arguments.verify and not _is_verified(arguments, target):
            print("nothing written: the outputs differ")
            return 1
        else:
            target.write()
            print(f"written, read back and compared bit for bit: {shown(target.path)}")
    return 0


def _is_verified(arguments: argparse.Namespace, target: Target) -> bool:
    """Runs the program of the target's side; prints how far its outputs are from the expected."""
    from shared.tools.checkpoint_conversion.shown import shown
    from shared.tools.checkpoint_conversion.verifying import TOLERANCE, verify

    found = verify(target, arguments.verify, arguments.expected)
    for comparison in found:
        verdict = "equal within rounding" if comparison.holds() else "DIFFERENT"
        print(
            f"{shown(comparison.name)}: {verdict}: largest difference {comparison.distance:.2g} "
            f"of the largest value (allowed: {TOLERANCE:g})"
        )
    return all(comparison.holds() for comparison in found)


def _plan(arguments: argparse.Namespace, templates: str) -> Plan:
    from shared.tools.checkpoint_conversion.contents import describe
    from shared.tools.checkpoint_conversion.conversion_map import load_map
    from shared.tools.checkpoint_conversion.plan import Options
    from shared.tools.checkpoint_conversion.planner import make_plan
    from shared.tools.checkpoint_conversion.tf1_objects import as_tf1

    source = describe(arguments.source)
    if arguments.map:
        conversion_map = load_map(arguments.map)
        source = as_tf1(source) if arguments.to == "tf2" else source
    else:
        conversion_map = _pair_map(arguments, source, templates)
    notes: list[str] = []
    if arguments.use_averages:
        source, notes = _averaged(source, conversion_map)
    template = describe(getattr(conversion_map, arguments.to))
    template = as_tf1(template) if arguments.to == "tf1" else template
    options = Options(arguments.learning_rate, arguments.ignore, arguments.step)
    plan = make_plan(source, template, conversion_map, options)
    return dataclasses.replace(plan, notes=[*plan.notes, *notes])


def _averaged(source: Contents, conversion_map: CrossingMap) -> tuple[Contents, list[str]]:
    from shared.tools.checkpoint_conversion.averages import with_averages

    named = {name for pair in conversion_map.pairs() for name in pair}
    averaged, names = with_averages(source, named)
    note = (
        f"--use-averages: {len(names)} variables have their moving average as value "
        f"({', '.join(names[:3])}{', …' if len(names) > 3 else ''}): right for predictions; "
        "training that goes on starts elsewhere than the source stood."
    )
    return averaged, [note]


def _pair_map(arguments: argparse.Namespace, source: Contents, templates: str) -> CrossingMap:
    from shared.tools.checkpoint_conversion.pair_maps import optimizer_in, pair_map

    (pair,) = pairs_named([arguments.model])
    optimizer = optimizer_in(pair, source) if arguments.to == "tf1" else arguments.optimizer
    return pair_map(pair, optimizer, templates)
