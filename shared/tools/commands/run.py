"""`pairs run`: trains every model in both styles and says whether they agree."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.checkpoints import last_saved
from shared.errors import SuiteError, UsageError
from shared.models import IMAGES, PAIRS, WHOLE_SETS, Pair, Variant, pairs_named
from shared.program.progress import Stopped
from shared.program.settings import count
from shared.tools.run import results_folder

if TYPE_CHECKING:
    from rich.console import Console

    from shared.program.progress import TrainingResult
    from shared.tools.run.live_progress import LiveProgress
    from shared.tools.run.verdict import Verdict


@dataclasses.dataclass(frozen=True)
class Run:
    """One trained variant of a pair and how it compares with the pair's first."""

    pair: Pair
    variant: Variant
    config: Any
    result: TrainingResult
    verdict: Verdict | None  # None for the first, which the others are compared with

    def label(self) -> str:
        """Style and optimizer, as in plots and tables."""
        return f"{self.variant.style[:3].upper()} {self.variant.label}"


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command `run`."""
    parser = subparsers.add_parser(
        "run",
        help="train models in both styles and compare them",
        description=(
            "Trains each model in both styles from the same initial values on the same batches, "
            "prints what came out and whether it is the same, and leaves summary.json, "
            "checkpoints and plots in a folder. Exit code 1 when a pair disagrees beyond its "
            "bound."
        ),
    )
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help=f"{', '.join(PAIRS)} (default: all)"
    )
    parser.add_argument(
        "--data",
        default="sample",
        help="images: sample, mnist (the digits), fashion (the clothes; the other models keep the "
        "sample), a folder with the four IDX files or an .npz file (default: sample)",
    )
    parser.add_argument(
        "--steps",
        type=count,
        metavar="N",
        help="steps of each model (default: each its own, which the table shows)",
    )
    parser.add_argument(
        "--batch-size",
        type=count,
        metavar="N",
        help="examples a step (default: each model its own)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="new or empty folder for the results (default: runs/ and the time)",
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="DIR",
        help="go on with a run that was stopped, in its folder; what it was asked for stays",
    )
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Runs the sub-command; returns 1 when a pair disagrees beyond its bound."""
    from rich.console import Console

    import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported

    console = Console()
    settings, pairs = _asked(arguments)
    images = _images_of(pairs, settings.data)
    _check_batches(pairs, images, settings)
    out = arguments.resume or results_folder.new_folder(arguments.out, settings)
    runs: list[Run] = []
    try:
        for run in _train_all(pairs, settings, out, console):
            runs.append(run)
    except Stopped as stopped:
        print(f"stopped at step {stopped.step}, saved to {stopped.path}", file=sys.stderr)
        return _say_how_to_resume(out)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return _say_how_to_resume(out)
    except SuiteError:
        _keep(runs, settings, out, console)
        raise
    _report(runs, settings, images, out, console)
    return 0 if all(run.verdict is None or run.verdict.within_bound for run in runs) else 1


def _asked(arguments: argparse.Namespace) -> tuple[results_folder.Settings, list[Pair]]:
    """What to train and with what: as the flags say, or as they said when the run began."""
    if arguments.resume is None:
        pairs = pairs_named(arguments.models)
        names = [pair.name for pair in pairs]
        given = results_folder.Settings(
            names, arguments.data, arguments.steps, arguments.batch_size
        )
        return given, pairs
    if arguments.models or arguments.out or arguments.steps or arguments.batch_size:
        raise UsageError(
            "--resume: expected no MODEL, --out, --steps or --batch-size beside it, for the folder "
            "holds what the run was asked for; found one"
        )
    settings = results_folder.settings_of(arguments.resume)
    return settings, pairs_named(settings.models)


def _check_batches(
    pairs: list[Pair], images: dict[str, Any], settings: results_folder.Settings
) -> None:
    """Refuses fewer training examples than a batch has, before anything is trained."""
    for pair in pairs:
        if pair.data not in images:
            continue
        found = len(images[pair.data].train_images)
        size = settings.batch_size or pair.module("tf2_style").Config().batch_size
        if found < size:
            raise UsageError(
                f"--data {settings.data}: expected at least {size} training examples, a batch of "
                f"{pair.name}, found {found} (--batch-size {found} makes smaller batches)"
            )


def _say_how_to_resume(out: Path) -> int:
    print(f"pairs run --resume {shlex.quote(str(out))}  goes on from there", file=sys.stderr)
    return 130


def _keep(runs: list[Run], settings: results_folder.Settings, out: Path, console: Console) -> None:
    """Shows what had been trained before something went wrong."""
    from shared.tools.run import report

    if not runs:
        results_folder.remove_if_nothing_was_trained(out)
        return
    report.print_table(runs, console)
    with contextlib.suppress(SuiteError):
        report.write_summary(runs, settings.data, out)
    _say_how_to_resume(out)


def _report(
    runs: list[Run],
    settings: results_folder.Settings,
    images: dict[str, Any],
    out: Path,
    console: Console,
) -> None:
    """Shows and writes the results, the pictures last: they are the first to do without."""
    from shared.tools.run import report

    report.print_table(runs, console)
    report.write_summary(runs, settings.data, out)
    try:
        report.write_plots(runs, images, out / "plots")
    except OSError as error:
        raise UsageError(f"--out {out}/plots: cannot write: {error.strerror}") from error
    console.print(f"summary.json, checkpoints and plots are in {out}", soft_wrap=True, markup=False)


def _images_of(pairs: list[Pair], source: str) -> dict[str, Any]:
    """Loads what the pairs are trained on, by `data`; whatever is wrong with it shows now."""
    kinds = {pair.data for pair in pairs} & set(IMAGES)
    return {kind: IMAGES[kind](_source_for(kind, pairs, source)) for kind in sorted(kinds)}


def _source_for(kind: str, pairs: list[Pair], source: str) -> str:
    """The name of a whole set is for the models that learn it; beside them, others have samples."""
    owner = WHOLE_SETS.get(source, kind)
    is_of_another = owner != kind and any(pair.data == owner for pair in pairs)
    return "sample" if is_of_another else source


def _train_all(
    pairs: list[Pair], settings: results_folder.Settings, out: Path, console: Console
) -> Iterator[Run]:
    from shared.tools.run.live_progress import LiveProgress, progress_bars
    from shared.tools.run.verdict import compare_runs

    with progress_bars(console) as bars:
        for pair in pairs:
            reference: TrainingResult | None = None
            for variant in pair.variants:
                source = _source_for(pair.data, pairs, settings.data)
                config = _config(pair, variant, source, settings, out)
                title = f"{pair.name} {variant.style[:3].upper()} {variant.label}"
                progress = LiveProgress(console, bars, title)
                config, result = _trained(pair, variant, config, out, progress)
                verdict = compare_runs(reference, result, variant.bound) if reference else None
                reference = reference or result
                yield Run(pair, variant, config, result, verdict)


def _trained(
    pair: Pair, variant: Variant, config: Any, out: Path, progress: LiveProgress
) -> tuple[Any, TrainingResult]:
    """Returns what a training comes to, or came to before the run was stopped; and its config."""
    name = f"{pair.name}_{_folder_of(variant)}"
    before = results_folder.read_trained(out, name)
    folders = _folders(config.checkpoint_dir)
    newest = last_saved(folders[-2])
    is_stopped = before is not None and (newest or "").endswith(f"-{before.steps}")
    # Where it was killed, nobody knows how the losses went: it begins again, in a folder beside.
    folder = folders[-2] if is_stopped or not newest else folders[-1]
    config = dataclasses.replace(config, checkpoint_dir=folder)
    if before and before.metrics:
        return dataclasses.replace(config, checkpoint_dir=folders[-2]), before
    progress.go_on_from(before if is_stopped else None)
    try:
        result = pair.program(variant.style).train(config, progress)
    except Stopped:
        results_folder.write_trained(out, name, progress.so_far())
        raise
    results_folder.write_trained(out, name, result)
    return config, result


def _folders(first: str) -> list[str]:
    """The folders that a training was begun in, at least the first, and one that is free."""
    names = [first]
    while Path(names[-1]).exists():
        names.append(f"{first}-{len(names) + 1}")
    return names if len(names) > 1 else [first, first]


def _folder_of(variant: Variant) -> str:
    return "_".join(filter(None, [variant.style, variant.optimizer]))


def _config(
    pair: Pair, variant: Variant, data: str, settings: results_folder.Settings, out: Path
) -> Any:
    folder = out / "checkpoints" / pair.name / _folder_of(variant)
    given: dict[str, Any] = {"checkpoint_dir": str(folder)}
    if settings.steps or pair.run_steps:
        given["steps"] = settings.steps or pair.run_steps
    if settings.batch_size and hasattr(pair.module(variant.style).Config, "batch_size"):
        given["batch_size"] = settings.batch_size
    if pair.data in IMAGES:
        given["data"] = data
    if variant.optimizer:
        given["optimizer"] = variant.optimizer
    return pair.module(variant.style).Config(**given)
