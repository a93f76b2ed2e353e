"""`pairs scan`: what TensorFlow 1 code uses, what each use needs, and in which order to move."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.errors import UsageError

if TYPE_CHECKING:
    from shared.tools.scan.project import Scan

_FORMATS = ("text", "json", "html", "sarif", "gitlab")


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command `scan`."""
    parser = subparsers.add_parser(
        "scan",
        help="say what TensorFlow 1 code uses, and what each use needs",
        description=(
            "Reads Python 3, Python 2 and notebooks, without running them, and says of every use "
            "of TensorFlow what became of it in the installed version and what to write; for the "
            "whole, the idioms, the effort and the order to port in. Exit code 1 where --fail-on "
            "finds something, 2 where PATH or a flag cannot be used."
        ),
    )
    parser.add_argument("path", metavar="PATH", help="a file, a folder, or - for standard input")
    parser.add_argument("--format", choices=_FORMATS, default="text", help="default: text")
    parser.add_argument("--out", metavar="FILE", help="write there instead of standard output")
    parser.add_argument(
        "--fail-on",
        metavar="KIND",
        action="append",
        default=[],
        help='exit with 1 where a use is of this kind, such as gone or "numbers change"; '
        "unresolved is one too, and any is all but unchanged; may be repeated",
    )
    parser.add_argument("--baseline", metavar="FILE", help="leave out what this file holds")
    parser.add_argument("--write-baseline", metavar="FILE", help="write what is found there")
    parser.add_argument(
        "--no-upgrade-script",
        action="store_true",
        help="do not say what tf_upgrade_v2 would do, which may load TensorFlow once",
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="processes; default: one a core")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Runs the sub-command; returns 1 where `--fail-on` finds something, else 0.

    Raises:
        UsageError: the path or a flag cannot be used.
    """
    from shared.atomic_files import check_outputs
    from shared.tools.scan import baseline, upgrade
    from shared.tools.scan.formats import pieces

    kinds = _kinds(arguments.fail_on)
    if arguments.jobs is not None and arguments.jobs < 1:
        raise UsageError(f"--jobs: expected 1 or more, found {arguments.jobs}")
    check_outputs(arguments, "out", "write_baseline")  # before a large tree is read, not after it
    known = baseline.read(Path(arguments.baseline)) if arguments.baseline else frozenset()
    found = _scan(arguments)
    if arguments.write_baseline:
        _write(arguments.write_baseline, [baseline.as_text(found)], "--write-baseline")
    left_out = baseline.without(found, known)
    if left_out:
        print(f"{left_out} findings of the baseline are left out", file=sys.stderr)
    if not arguments.no_upgrade_script:
        found.upgrade = upgrade.summarize(found)
    report = pieces(found, arguments.format)
    if arguments.out:
        _write(arguments.out, report, "--out")
    else:
        sys.stdout.writelines(report)
    return int(any(finding.kind in kinds for finding in found.findings))


def _kinds(given: list[str]) -> set[str]:
    from shared.tools.scan.verdicts import KINDS

    kinds = [*KINDS, "unresolved"]
    for kind in given:
        if kind not in (*kinds, "any"):
            expected = ", ".join([*kinds, "any"])
            raise UsageError(f"--fail-on: expected one of {expected}; found {kind!r}")
    return set(kinds) - {"unchanged"} if "any" in given else set(given)


def _scan(arguments: argparse.Namespace) -> Scan:
    from shared.tools.scan.project import scan, scan_text
    from shared.tools.scan.reading import Unreadable, decode

    if arguments.path == "-":
        try:
            return scan_text(decode(sys.stdin.buffer.read()))
        except Unreadable as error:
            raise UsageError(f"PATH: expected Python on standard input, found {error}") from error
    if not sys.stderr.isatty():
        return scan(Path(arguments.path), arguments.jobs)
    return _scan_with_progress(arguments)


def _scan_with_progress(arguments: argparse.Namespace) -> Scan:
    from rich.console import Console
    from rich.progress import Progress

    from shared.tools.scan.project import scan

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("scanning files", total=None)
        return scan(
            Path(arguments.path),
            arguments.jobs,
            lambda done, total: progress.update(task, completed=done, total=total),
        )


def _write(path: str, report: Iterable[str], flag: str) -> None:
    from shared.atomic_files import write_whole

    def write(new: Path) -> None:
        with new.open("w", encoding="utf-8") as stream:
            stream.writelines(report)

    write_whole(Path(path), write, flag)
