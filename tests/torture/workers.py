"""`python -m torture.workers`: SIGKILL of processes of a cluster, and what the next run makes.

Prints the counts; exit code 1 when a resumed run was silently wrong, a save was lost, or a process
was left behind.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import shutil
import sys
import tempfile
from pathlib import Path

import asynchronous_twins
from clusters import EVERY, REPORT, RESUMED, Clusters, Kill, Outcome
from shared.program.saved_settings import FILE as SETTINGS
from shared.tools.workers.cluster import Task, on_loopback
from torture.asynchronous import MODELS, Chains, kill_in_chains
from torture.cluster_kills import Kills
from torture.kills import leftovers

PAIRS = ("several_workers", "asynchronous_workers")


@dataclasses.dataclass
class Counts(Kills):
    """What came of the kills."""

    equal: int = 0  # the resumed run ended with the bits of the uninterrupted one
    refused: int = 0  # it ended with one line
    resumed: int = 0  # it went on from a checkpoint, and did not begin anew

    def __str__(self) -> str:
        """Returns them as a sentence."""
        return (
            f"{self.text()}: {self.equal} resumed runs bit-equal, "
            f"{self.refused} refused in one line, {len(self.wrong)} wrong; {self.resumed} went on "
            f"from a checkpoint; all processes ended at most {self.slowest:.1f} s after a kill"
        )


def kill_and_resume(clusters: Clusters, count: int, seed: int, work: Path) -> Counts:
    """Kills a process in each of `count` runs, the kinds in turn, at random moments."""
    chosen, counts = random.Random(seed), Counts()
    whole = clusters.run(work / "whole")
    if not whole.final:
        raise SystemExit(f"error: the uninterrupted run failed: {whole.error}")
    victims = on_loopback(clusters.style, clusters.workers, 1).tasks
    while counts.kills.total() < count:
        victim = victims[counts.kills.total() % len(victims)]
        kill = moment(victim, whole, clusters.steps, chosen)
        folder = work / "killed"
        shutil.rmtree(folder, ignore_errors=True)
        killed = clusters.run(folder, kill)
        if killed.final and not killed.error:
            continue  # it had finished before
        counts.add(victim, killed)
        again = clusters.run(folder)
        problems = judge(whole, killed, again, folder, victim)
        counts.wrong += [f"{clusters.style} {kill}: {p}" for p in problems]
        counts.equal += again.final == whole.final
        counts.refused += bool(again.error) and not again.final
        counts.resumed += bool(again.numbers(RESUMED))
        print(f"{counts.kills.total()} of {count}: {counts}", file=sys.stderr)
    return counts


def moment(victim: Task, whole: Outcome, steps: int, chosen: random.Random) -> Kill:
    """Returns when to kill: at any time of a run, or, every other time, while it trains."""
    if chosen.random() < 0.5:
        return Kill(victim, chosen.uniform(0, whole.seconds))
    return Kill(victim, chosen.uniform(0, 0.5), chosen.randint(1, steps // EVERY - 1))


def judge(whole: Outcome, killed: Outcome, again: Outcome, folder: Path, victim: Task) -> list[str]:
    """Returns what is wrong with a killed run and with the one that followed it."""
    problems = []
    if killed.error != f"{victim}: expected to finish, found that SIGKILL ended it":
        problems.append(f"the killed run said {killed.error!r}")
    if killed.left or again.left:
        problems.append(f"processes left behind: {killed.left + again.left}")
    if again.final != whole.final and (again.final or "\n" in again.error or not again.error):
        problems.append(f"ended with {again.final!r}, not {whole.final}: {again.error!r}")
    # A step is reported, then saved. So when a later one was reported, its save had ended.
    saved = max(killed.numbers(REPORT), default=0) - EVERY
    start = max(again.numbers(RESUMED), default=0)
    if not again.error and start < saved:
        problems.append(f"step {saved} was saved; resumed at {start}")
    rest = [name for name in leftovers(folder) if name != SETTINGS]
    if rest:
        problems.append(f"left over: {rest}")
    return problems


def main() -> int:
    """Kills processes of one style, and prints what came of it."""
    parser = argparse.ArgumentParser(prog="torture.workers", description=__doc__)
    parser.add_argument("--style", choices=("tf1_style", "tf2_style"), required=True)
    parser.add_argument("--pair", choices=PAIRS, help="(default: both)")
    parser.add_argument("--kills", type=int, default=200, help="(default: 200)")
    parser.add_argument("--workers", type=int, default=2, help=f"of {PAIRS[0]} (default: 2)")
    parser.add_argument("--steps", type=int, default=40, help=f"of {PAIRS[0]} (default: 40)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument("--twin", help=argparse.SUPPRESS)  # a broken one, to test this driver
    arguments = parser.parse_args()
    wrong = [_kill(pair, arguments) for pair in PAIRS if arguments.pair in (None, pair)]
    return 1 if any(wrong) else 0


def _kill(pair: str, arguments: argparse.Namespace) -> int:
    """Kills processes of one pair, and prints what came of it; returns how often it was wrong."""
    with tempfile.TemporaryDirectory() as name:
        counts = _counted(pair, arguments, Path(name))
    for line in counts.wrong:
        print(line)
    print(f"{pair}, {arguments.style}: {counts} (seed {arguments.seed})", flush=True)
    return len(counts.wrong)


def _counted(pair: str, arguments: argparse.Namespace, work: Path) -> Counts | Chains:
    if pair == "several_workers":
        clusters = Clusters(arguments.style, arguments.workers, arguments.steps, work)
        return kill_and_resume(clusters, arguments.kills, arguments.seed, work)
    made = [getattr(asynchronous_twins, name) for name in [arguments.twin] if name]
    return kill_in_chains(arguments.style, arguments.kills, arguments.seed, work, made or MODELS)


if __name__ == "__main__":
    sys.exit(main())
