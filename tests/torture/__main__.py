"""`python -m torture`: prints the counts; exit code 1 when a case was silently wrong."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from rich.console import Console
from rich.table import Table

from torture.outcomes import EXACT, REFUSED, WRONG, Tally


def main() -> int:
    """Runs both styles beside each other, each in a process of its own."""
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("--small", action="store_true", help="a few cases of each kind that forks")
    parser.add_argument("--seed", type=int, default=0, help="of moments and places (default: 0)")
    parser.add_argument("--style", help=argparse.SUPPRESS)  # the child of this program
    arguments = parser.parse_args()
    if arguments.style:
        return one_style(arguments.style, arguments.small, arguments.seed)
    tallies = both_styles(arguments.small, arguments.seed)
    print_counts(tallies, arguments.seed)
    return 1 if any(tally.wrong for tally in tallies) else 0


def one_style(style: str, small: bool, seed: int) -> int:
    """Runs one style here and prints its counts as JSON."""
    import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
    from torture.suite import SMALL, WHOLE, run

    if style == "tf1_style":  # the import alone, once for all children
        import tf1_style.relu_regression  # noqa: F401
    else:
        import tf2_style.relu_regression  # noqa: F401
    tallies = run(style, SMALL if small else WHOLE, seed)
    print(json.dumps([vars(tally) for tally in tallies]))
    return 0


def both_styles(small: bool, seed: int) -> list[Tally]:
    """Returns the counts of two processes."""
    processes = []
    for style in ("tf1_style", "tf2_style"):
        command = [sys.executable, "-m", "torture", "--style", style, "--seed", str(seed)]
        command += ["--small"] if small else []
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    tallies = []
    for process in processes:
        output, _ = process.communicate()
        if process.returncode != 0:
            sys.exit(
                f"error: torture: expected a child process that ends well, found exit code "
                f"{process.returncode}"
            )
        tallies += [Tally(**fields) for fields in json.loads(output)]
    return tallies


def print_counts(tallies: list[Tally], seed: int) -> None:
    """Prints a line a kind, what went wrong, and the sums."""
    console = Console(width=80)
    table = Table(box=None, pad_edge=False)
    table.add_column("fault")
    for title in ("tried", "restored\nexactly", "refused\nclearly", "silently\nwrong"):
        table.add_column(title, justify="right")
    for tally in tallies:
        numbers = [tally.tried, *tally.counts.values()]
        table.add_row(tally.kind, *map(str, numbers) if not tally.note else (tally.note,))
    sums = [sum(tally.counts[outcome] for tally in tallies) for outcome in (EXACT, REFUSED, WRONG)]
    table.add_row("all", *map(str, [sum(sums), *sums]))
    console.print(table)
    for tally in tallies:
        for wrong in tally.wrong:
            console.print(wrong, style="red", soft_wrap=True)
    console.print(f"seed {seed}")


if __name__ == "__main__":
    sys.exit(main())
