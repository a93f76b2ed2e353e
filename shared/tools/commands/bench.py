"""`pairs bench`: how fast each runtime trains each model."""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING, Any

from shared.atomic_files import check_file
from shared.errors import SuiteError, UsageError
from shared.models import PAIRS, TIMED_WHEN_NAMED, pairs_named
from shared.tools.child_process import ROOT, run_group

if TYPE_CHECKING:
    from benchmarks.results import Result

_EPILOG = """\
`pairs bench compare OLD.json NEW.json` shows what changed between two runs
beyond the noise of both. A speed is a ratio to the Session with feed_dict in
the same rounds; the spread is its lowest and its highest in any round. Floors
is the time over the shortest that the machine could take. Exit code 1: a part
could not be measured; what was, is kept.
"""


# The suites by the name of `--only`, and the module of each.
_SUITES = {
    "training": "test_training.py",
    "batches": "test_batch_size.py",
    "other": "test_other_tasks.py",
    "startup": "test_startup.py",
    "length": "test_length.py",
}


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command `bench`."""
    parser = subparsers.add_parser(
        "bench",
        help="measure how fast each runtime trains each model",
        description=(
            "Times each model in each runtime, interleaved, and prints the ratios.\n"
            "Leaves them as JSON, with pictures beside."
        ),
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help=(
            f"{', '.join(_timed_by_default())} (default: all of these); "
            f"or {', '.join(TIMED_WHEN_NAMED)}, which are timed when they are named"
        ),
    )
    parser.add_argument("--quick", action="store_true", help="a part that takes two minutes")
    parser.add_argument(
        "--profile",
        action="store_true",
        help="shows instead which operations a step of the default runtime spends its time in",
    )
    parser.add_argument(
        "--device", default="cpu", choices=["cpu", "gpu", "all"], help="default: cpu"
    )
    parser.add_argument(
        "--tf32",
        default="on",
        choices=["on", "off"],
        help="whether a GPU may round the factors of products to 10 bits (default: on)",
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=sorted(_SUITES),
        metavar="SUITE",
        help=f"one of {', '.join(_SUITES)}; may be repeated (default: all)",
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="where the result goes (default: benchmarks/results/ and the time)",
    )
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Runs the sub-command."""
    if arguments.models[:1] == ["compare"]:
        return _compare(arguments)
    models = _models(arguments.models)
    path = _result_path(arguments.json)
    _require_suites()
    if arguments.tf32 == "off" and arguments.device == "cpu":
        raise UsageError("--tf32 off: expected --device gpu or all, found --device cpu")
    if arguments.profile:
        return _profile(models, path, arguments)
    devices = _devices(arguments.device)
    from rich.console import Console

    from benchmarks import pictures, report
    from benchmarks.results import joined, write_result

    command = _command(arguments)
    runs, failures = _measure_all(models, devices, arguments, command)
    result = joined(runs)
    console = Console(width=min(Console().width, 80))
    report.print_report(result, console)  # first, for what comes now can fail
    write_result(result, path)
    drawn = pictures.draw_all(result, path.with_suffix("")) if _is_file(path) else []
    _say_written(path, drawn, console)
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _compare(arguments: argparse.Namespace) -> int:
    files = arguments.models[1:]
    if len(files) != 2:
        raise UsageError(f"bench compare: expected OLD.json NEW.json, found {len(files)} files")
    from benchmarks.compare_results import print_comparison
    from benchmarks.results import read_result

    old, new = (read_result(Path(file)) for file in files)
    print_comparison(old, new)
    return 0


def _profile(models: list[str], path: Path, arguments: argparse.Namespace) -> int:
    if arguments.quick or arguments.only or arguments.device != "cpu":
        raise UsageError("--profile: expected no --quick, no --only and no device but cpu")
    from rich.console import Console

    from benchmarks.profile_report import digest_of, draw_profiles, print_profiles, write_profiles
    from benchmarks.step_profile import about, profile_default

    console = Console(width=min(Console().width, 80))
    profiles = []
    for number, model in enumerate(models, 1):
        print(f"{number} of {len(models)}: {model}", file=sys.stderr, flush=True)
        profiles.append(profile_default(model))
    print_profiles(profiles, console)
    write_profiles(profiles, about(_command(arguments)), path)
    drawn = []
    if _is_file(path):
        drawn = draw_profiles(profiles, path.with_suffix(""), digest_of(profiles))
    _say_written(path, drawn, console)
    return 0


def _say_written(path: Path, drawn: Sequence[Path], console: Any) -> None:
    for written in (path, *drawn):
        console.print(f"wrote {written}", soft_wrap=True, highlight=False, markup=False)


def _timed_by_default() -> list[str]:
    return [name for name in PAIRS if name not in TIMED_WHEN_NAMED]


def _models(names: Sequence[str]) -> list[str]:
    return [pair.name for pair in pairs_named(names or _timed_by_default())]


def _result_path(given: Path | None) -> Path:
    now = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    path = given or ROOT / "benchmarks" / "results" / f"{now}.json"
    try:
        check_file(path, "--json")
    except UsageError as error:
        hint = "" if given else " (--json FILE names another place)"
        raise UsageError(f"{error}{hint}") from error
    return path


def _is_file(path: Path) -> bool:
    """Whether pictures can lie beside it: not beside /dev/stdout."""
    return path.is_file() and not str(path.absolute()).startswith(("/dev/", "/proc/"))


def _require_suites() -> None:
    if not (ROOT / "benchmarks" / "conftest.py").exists():
        raise SuiteError(f"{ROOT}: expected the folder benchmarks/ of the suite, found none")


def _devices(asked: str) -> list[str]:
    """The devices to measure; says in one line why there is no GPU."""
    if asked == "cpu":
        return ["cpu"]
    import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
    from shared.tools.parity.other_processes import why_no_gpu

    reason = why_no_gpu()
    if reason is None:
        return ["cpu", "gpu"] if asked == "all" else ["gpu"]
    if asked == "gpu":
        raise UsageError(f"--device gpu: expected a GPU, found none: {reason}")
    print(f"no GPU is measured: {reason}", file=sys.stderr)
    return ["cpu"]


def _command(arguments: argparse.Namespace) -> str:
    words = ["pairs", "bench", *arguments.models]
    words += ["--quick"] if arguments.quick else []
    words += ["--profile"] if arguments.profile else []
    words += ["--device", arguments.device] if arguments.device != "cpu" else []
    words += ["--tf32", "off"] if arguments.tf32 == "off" else []
    words += [word for name in arguments.only or () for word in ("--only", name)]
    words += ["--json", str(arguments.json)] if arguments.json else []
    return shlex.join(words)


def _measure_all(
    models: list[str], devices: list[str], arguments: argparse.Namespace, command: str
) -> tuple[list[Result], list[str]]:
    """The result of each device, and what could not be measured: that takes nothing from the rest.

    Raises:
        SuiteError: nothing was measured.
    """
    found = [_measure(models, device, arguments, command) for device in devices]
    results = [result for result, _ in found if result is not None]
    failures = [failure for _, failure in found if failure is not None]
    if not results:
        raise SuiteError(failures[0])
    return results, failures


def _measure(
    models: list[str], device: str, arguments: argparse.Namespace, command: str
) -> tuple[Result | None, str | None]:
    """Runs the suites in a process of their own, which decides what devices TensorFlow sees.

    Returns what was measured, None for nothing; and a line on what failed, or None.
    """
    from benchmarks.processes import ENVIRONMENT
    from benchmarks.results import from_pytest_benchmark

    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        environment = {**os.environ, **ENVIRONMENT[device]}
        path = Path(folder) / "benchmarks.json"
        suites = [f"benchmarks/{_SUITES[name]}" for name in arguments.only or _SUITES]
        words = [sys.executable, "-m", "pytest", *suites, "--capture=no", "--quiet"]
        words += ["-p", "no:cacheprovider", f"--benchmark-json={path}", f"--device={device}"]
        words += [f"--tf32={arguments.tf32}", *(["--quick"] if arguments.quick else [])]
        words += [f"--model={model}" for model in models]
        process = run_group(words, cwd=ROOT, env=environment, stdout=PIPE, text=True)
        failure = None
        if process.returncode != 0 or not path.exists():
            cause = _failure(process.stdout)
            failure = f"benchmarks, {device}: expected all to be measured, found: {cause}"
        return from_pytest_benchmark(path, command, arguments.quick), failure


def _failure(output: str) -> str:
    """The line of pytest that says what went wrong first."""
    lines = [line[1:].strip() for line in output.splitlines() if line.startswith("E  ")]
    return lines[0] if lines else (output.strip().splitlines() or ["no message"])[-1]
