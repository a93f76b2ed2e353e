"""`pairs workers`: a pair trained by several processes on this computer."""

from __future__ import annotations

import argparse
import functools
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared.errors import UsageError
from shared.models import SEVERAL_WORKERS
from shared.program.display import shown
from shared.program.settings import count, positive, whole
from shared.tools.child_process import temporary_files_removed
from shared.tools.commands import spellings

MOST = 64  # processes of a kind; more than this computer could run


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command `workers`."""
    parser = subparsers.add_parser(
        "workers",
        help="train a pair by several processes on this computer",
        description=(
            "Starts the processes of a cluster on the loopback addresses of this computer, shows "
            "what the chief reports, and ends them all when one fails or on Ctrl-C. On real "
            "machines the same file is started on each with TF_CONFIG; see the guide. TensorFlow's "
            "servers listen on all interfaces, and ask nobody for a password."
        ),
    )
    parser.add_argument(
        "model",
        nargs="?",
        default=SEVERAL_WORKERS[0],
        metavar="MODEL",
        help=f"{' (default) or '.join(SEVERAL_WORKERS)}; its own flags come last: -- --steps 50",
    )
    parser.parse_known_args = functools.partial(_parse, parser)
    spellings.add_style(parser)
    parser.add_argument(
        "--workers", type=count, default=2, metavar="N", help="that train (default: 2)"
    )
    parser.add_argument(
        "--servers", type=count, default=1, metavar="N", help="that hold variables (default: 1)"
    )
    parser.add_argument(
        "--ports",
        default="",
        help="4000,4001: of workers, servers, then a chief that is no worker (default: free)",
    )
    parser.add_argument(
        "--tensorflow",
        "--runtime",  # its first name
        type=spellings.release,
        choices=("2.21", "1.15"),
        default="2.21",
        help="release that runs it (default: 2.21)",
    )
    parser.add_argument(
        "--patience",
        type=positive,
        default=60.0,
        metavar="S",
        help="seconds to wait for each other, at the start and at every step (default: 60)",
    )
    parser.add_argument(
        "--restarts",
        type=whole,
        default=0,
        metavar="N",
        help="of workers that end while a chief goes on: TF2's asynchronous ones (default: 0)",
    )
    parser.add_argument(
        "--throughput",
        action="store_true",
        help="time clusters of 1, 2 and 4 workers instead, and renew docs/workers.json",
    )
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Runs the sub-command; 0 when all workers have finished."""
    from shared.tools.workers.cluster import Task, on_loopback
    from shared.tools.workers.launcher import Launcher
    from shared.tools.workers.processes import Interpreter, interpreter

    if arguments.throughput:
        return _time()
    model, flags = arguments.model, arguments.flags
    if model not in SEVERAL_WORKERS:
        raise UsageError(f"MODEL: expected one of {', '.join(SEVERAL_WORKERS)}; found {model!r}")
    _check(arguments)
    style = f"{arguments.style}_style"
    python, environment = interpreter(arguments.tensorflow)
    ports = _ports(arguments.ports)
    cluster = on_loopback(style, arguments.workers, arguments.servers, ports, model)
    command = [python, "-m", f"{style}.{model}", "train"]
    command += ["--patience", str(arguments.patience), *flags]

    count_of = {"workers": len(cluster.workers), "parameter servers": len(cluster.servers)}
    count_of["chief"] = bool(cluster.chief)
    names = ", ".join(f"{number:d} {kind}" for kind, number in count_of.items() if number)
    addresses = [*cluster.workers, *cluster.servers, *filter(None, [cluster.chief])]
    print(f"{style}: {names} on {', '.join(addresses)}")
    with tempfile.TemporaryDirectory() as logs, temporary_files_removed(environment) as own:

        def start(task: Task, tf_config: str, errors: Path) -> Interpreter:
            return Interpreter(command, {**own, "TF_CONFIG": tf_config}, errors)

        try:
            Launcher(cluster, start, Path(logs), arguments.restarts).run(_show)
        except KeyboardInterrupt:
            print("stopped; the same command goes on from the last checkpoint", file=sys.stderr)
            return 130
    return 0


def _time() -> int:
    from rich.console import Console
    from rich.table import Table

    from shared.tools.workers import throughput

    found = throughput.measure(lambda what: print(f"timing {what}", file=sys.stderr, flush=True))
    throughput.write(found)
    console = Console(width=80)
    tables = (
        (throughput.MEASURED_HEAD, throughput.measured_rows(found)),
        (throughput.PAPER_HEAD, throughput.paper_rows(found)),
    )
    for head, rows in tables:
        table = Table(*head, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*row)
        console.print(table)
    console.print(f"written to {throughput.RESULT.name}; {found.cores} cores")
    return 0


def _parse(
    parser: argparse.ArgumentParser, arguments: Sequence[str], namespace: Any = None
) -> tuple[argparse.Namespace, list[str]]:
    """Parses what stands before `--`; the rest are flags of the model.

    argparse gives a list that may be empty nothing at all, once a flag stands before it.
    """
    given = list(arguments)
    end = given.index("--") if "--" in given else len(given)
    parsed, unknown = argparse.ArgumentParser.parse_known_args(parser, given[:end], namespace)
    parsed.flags = given[end + 1 :]
    return parsed, unknown


def _check(arguments: argparse.Namespace) -> None:
    for flag in ("workers", "servers"):
        found = getattr(arguments, flag)
        if found > MOST:
            raise UsageError(f"--{flag}: expected at most {MOST}, found {found}")
    if arguments.tensorflow == "1.15" and arguments.style != "tf1":
        raise UsageError(f"--tensorflow 1.15: expected --style tf1, found {arguments.style}")


def _ports(text: str) -> list[int]:
    try:
        ports = [int(port) for port in text.split(",") if text]
    except ValueError:
        ports = [0]
    if not all(0 < port < 65536 for port in ports) or len(set(ports)) < len(ports):
        raise UsageError(f"--ports: expected unlike ports such as 4000,4001, found {shown(text)}")
    return ports


def _show(task: Any, line: str) -> None:
    print(f"{task}: {shown(line, None)}", flush=True)
