"""`pairs guide`: opens the guide in a browser."""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import sys
import webbrowser
from pathlib import Path
from typing import Any

from shared.errors import SuiteError, UsageError
from shared.tools.child_process import run_group
from shared.tools.whole_folder import whole_folder

_ROOT = Path(__file__).resolve().parents[3]
_SOURCES = _ROOT / "docs" / "guide"
_SITE = _ROOT / "build" / "guide"


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command `guide`."""
    parser = subparsers.add_parser(
        "guide",
        help="open the guide: every pair side by side, each difference explained",
        description=(
            "Opens the guide in a browser; builds it first where that has not been done, which "
            "takes a minute or two. Nothing in it comes from the network."
        ),
    )
    parser.add_argument(
        "page", nargs="?", default="index", metavar="PAGE", help="such as pairs/cnn or pitfalls"
    )
    parser.add_argument("--build", action="store_true", help="build it even if it is there")
    parser.add_argument(
        "--no-open", action="store_true", help="print where the page is and open nothing"
    )
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Runs the sub-command; returns 0.

    Raises:
        SuiteError: the guide cannot be built.
        UsageError: it has no such page.
    """
    if arguments.build or not (_SITE / "index.html").exists():
        build()
    page = _SITE / f"{arguments.page}.html"
    if not page.is_file():
        found = sorted(str(path.relative_to(_SITE))[:-5] for path in _SITE.rglob("*.html"))
        close = difflib.get_close_matches(arguments.page, found, 5, 0.4) or found[:5]
        raise UsageError(
            f"PAGE: expected one of {len(found)} pages, such as {', '.join(close)}; "
            f"found {arguments.page!r}"
        )
    if arguments.no_open or not webbrowser.open(page.as_uri()):
        print(page)
    return 0


def build() -> None:
    """Builds the guide beside build/guide, whose place it then takes; a warning is an error.

    Raises:
        SuiteError: Sphinx is not installed, or failed (it has said why on standard error), or there
            is no room; then the guide that was there still is.
    """
    if importlib.util.find_spec("sphinx") is None:
        raise SuiteError("guide: expected Sphinx, found none: pip install -e '.[guide]'")
    print("Building the guide; measuring for it takes a minute or two", file=sys.stderr)
    options = ["--fail-on-warning", "--keep-going", "--nitpicky", "--fresh-env", "--quiet"]
    try:
        with whole_folder(_SITE) as new:
            process = run_group(
                [sys.executable, "-m", "sphinx", "-b", "html", *options, str(_SOURCES), str(new)],
                cwd=_ROOT,
            )
            if process.returncode:
                raise SuiteError(f"{_SOURCES}: expected a guide without warnings, found the above")
    except OSError as error:
        raise SuiteError(f"{_SITE}: cannot be written: {error.strerror}") from error
