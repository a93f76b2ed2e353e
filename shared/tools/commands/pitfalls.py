"""`pairs pitfalls`: what a naive port from TF1 to TF2 changes, measured."""

from __future__ import annotations

import argparse
import difflib
import json
from typing import TYPE_CHECKING, Any

from shared.errors import UsageError
from shared.tools.child_process import TF115_PYTHON

if TYPE_CHECKING:
    from shared.tools.pitfalls.pitfall import Pitfall


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command `pitfalls`."""
    parser = subparsers.add_parser(
        "pitfalls",
        help="list what a naive port changes, or measure and explain one",
        description=(
            "Without NAME, lists the pitfalls: what changes numbers or behaviour between TF1 "
            "style and TF2 style. With NAME, says what happens and why, measures both sides on "
            "the installed TensorFlow (and on TensorFlow 1.15, if `make tf115` has installed "
            "it), and shows the code of each: in TensorFlow 1, ported naively, ported well."
        ),
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="pitfall to measure and explain")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Runs the sub-command; always returns 0."""
    if arguments.name is None:
        _list(arguments.json)
    else:
        _show(_named(arguments.name), arguments.json)
    return 0


def _named(name: str) -> Pitfall:
    from shared.tools.pitfalls.pitfall import pitfalls

    by_name = pitfalls()
    if name not in by_name:
        close = difflib.get_close_matches(name, by_name)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise UsageError(f"NAME: expected one that `pairs pitfalls` lists, found {name!r}{hint}")
    return by_name[name]


def _list(as_json: bool) -> None:
    from rich.console import Console

    from shared.tools.pitfalls import report
    from shared.tools.pitfalls.pitfall import pitfalls

    if as_json:
        print(json.dumps([report.as_json(each) for each in pitfalls().values()], indent=2))
    else:
        report.print_list(pitfalls().values(), Console())


def _show(pitfall: Pitfall, as_json: bool) -> None:
    from rich.console import Console

    from shared.tools.pitfalls import report
    from shared.tools.pitfalls.measuring import measure

    tf115_python = TF115_PYTHON if TF115_PYTHON.exists() else None
    readings = measure([pitfall], tf115_python)[pitfall.name]
    if as_json:
        print(json.dumps(report.as_json(pitfall, readings), indent=2))
    else:
        import tensorflow as tf

        report.print_pitfall(pitfall, readings, tf.__version__, Console())
