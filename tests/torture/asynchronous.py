"""SIGKILL of workers that do not wait for each other, again and again in one training.

Nobody can say which bits such a training ends with, so a killed one has none to be compared with.
What can be said is counted by two models in turn. The first is the pair's own: its loss at the end
lies within the simulated interleavings. In the second, batch k moves row k of the weights by 1
(asynchronous_twins.counting), so that the weights tell how often each batch was trained on.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from asynchronous_twins import COUNTED, RATE, STEPS, Made, Runs, counting, found_in, whole
from clusters import EVERY, REPORT, RESUMED, Kill, Outcome
from shared.checkpoints import newest_checkpoint
from shared.program.saved_settings import FILE as SETTINGS
from shared.tools.workers.cluster import Task
from simulated_workers import losses_of_interleavings
from torture.children import Child
from torture.cluster_kills import Kills
from torture.kills import leftovers

MODELS = (whole, counting)
PATIENT = 60.0  # seconds: a process that runs longer after a kill waits for ever


@dataclasses.dataclass
class Chains(Kills):
    """What came of the kills."""

    saves: int = 0  # of them left a checkpoint
    counted: int = 0  # trainings that ended with each batch counted once, to the last bit
    inside: int = 0  # trainings of the pair itself that ended within the interleavings

    def __str__(self) -> str:
        """Returns them as a sentence."""
        return (
            f"{self.text()}: {self.saves} left a checkpoint; {self.counted} "
            f"trainings ended with each batch counted once, {self.inside} within the simulated "
            f"interleavings; {len(self.wrong)} wrong; "
            f"all processes ended at most {self.slowest:.1f} s after a kill"
        )

    def note_kill(self, outcome: Outcome, victim: Task, saved: int) -> None:
        """Counts a kill, after which the newest checkpoint is that of step `saved`."""
        self.add(victim, outcome)
        self.saves += saved > 0

    def note_end(self, is_counted: bool, problems: Sequence[str]) -> None:
        """Counts a training that came to its end, if nothing is wrong with it."""
        self.counted += is_counted and not problems
        self.inside += not is_counted and not problems


@dataclasses.dataclass
class Training:
    """A training that is killed on its way, until one of its runs comes to its end."""

    runs: Runs
    made: Made
    folder: str
    saved: int = 0  # the step of the newest checkpoint

    def run(self, kill: Kill | None) -> Outcome:
        """Goes on from the newest checkpoint."""
        settings: dict[str, Any] = {
            "checkpoint_dir": self.folder,
            "report_every": EVERY,
            "checkpoint_every": EVERY,
        }
        if not self.is_counted:
            settings["learning_rate"] = RATE
        return self.runs.outcome(self.made, 2, kill, **settings)

    @property
    def is_counted(self) -> bool:
        """Whether the weights count the batches."""
        return self.made in COUNTED

    def moment(self, victim: Task, seconds: float, chosen: random.Random) -> Kill:
        """Returns when to kill: at any time of a run, or, every other time, while it trains."""
        reports = (STEPS - self.saved) // EVERY - 1
        if reports < 1 or chosen.random() < 0.5:
            return Kill(victim, chosen.uniform(0, seconds))
        return Kill(victim, chosen.uniform(0, 0.1), chosen.randint(1, reports))

    def after_kill(self, outcome: Outcome, victim: Task) -> list[str]:
        """Returns what is wrong with a killed run, and with the checkpoint that it left."""
        problems = []
        if outcome.error != f"{victim}: expected to finish, found that SIGKILL ended it":
            problems.append(f"the killed run said {outcome.error!r}")
        if outcome.after_kill > PATIENT:
            problems.append(f"processes ran for {outcome.after_kill:.0f} s after the kill")
        # A step is reported, then saved. So when a later one was reported, its save had ended.
        least = max([self.saved, *(step - EVERY for step in outcome.numbers(REPORT))])
        found = in_a_fork(lambda: newest_save(self.folder))
        if not least <= found["step"] <= STEPS or found["step"] % EVERY:
            problems.append(f"step {least} was saved; the newest checkpoint has {found['step']}")
        if found["global_step"] != found["step"]:
            problems.append(f"checkpoint {found['step']} counts {found['global_step']} steps")
        if self.is_counted:
            problems += miscounted(found["counts"], found["step"])
        self.saved = found["step"]
        return problems

    def at_start(self, outcome: Outcome) -> list[str]:
        """Returns what is wrong with where a run went on from, and what it left running."""
        problems = [f"processes left behind: {outcome.left}"] if outcome.left else []
        start = max(outcome.numbers(RESUMED), default=0)
        if outcome.numbers(RESUMED) + outcome.numbers(REPORT) and start != self.saved:
            problems.append(f"step {self.saved} was saved; the next run began at {start}")
        return problems

    def at_end(self, outcome: Outcome, bits: str) -> list[str]:
        """Returns what is wrong with a run that came to its end.

        Args:
            outcome: of the run.
            bits: the fingerprint of the counting model's variables where nothing was killed.
        """
        found, problems = found_in(outcome), []
        if self.is_counted:
            problems += miscounted(found["counts"], STEPS)
            if found["bits"] != bits:
                problems.append("the counting model ended with other bits")
        else:
            least, greatest = interleavings(self.runs.style)
            if not least < found["loss"] < greatest:
                problems.append(f"ended with {found['loss']}, not in {least} to {greatest}")
        if found["step"] != STEPS:
            problems.append(f"ended at step {found['step']}, not {STEPS}")
        rest = [name for name in leftovers(Path(self.folder)) if name != SETTINGS]
        return [*problems, f"left over: {rest}"] if rest else problems


def miscounted(counts: Sequence[float], step: int) -> list[str]:
    """Returns a line when not exactly the batches until a step were counted, each once."""
    wrong = [k for k, count in enumerate(counts) if count != (k < step)]
    if not wrong:
        return []
    return [f"at step {step}, batch {wrong[0]} was counted {counts[wrong[0]]:g} times"]


def newest_save(folder: str) -> Mapping[str, Any]:
    """Returns what the newest intact checkpoint of a folder holds; step 0 where there is none."""
    import tensorflow as tf

    path = newest_checkpoint(folder, tf.train.load_checkpoint, lambda warning: None)
    if path is None:
        return {"step": 0, "global_step": 0, "counts": [0.0] * STEPS}
    reader = tf.train.load_checkpoint(path)
    keys = {key.partition("/")[0]: key for key in reader.get_variable_to_shape_map()}
    return {
        "step": int(path.rpartition("-")[2]),
        "global_step": int(reader.get_tensor(keys["global_step"])),
        "counts": (-reader.get_tensor(keys["weights"])[:STEPS, 0]).tolist(),
    }


@functools.cache
def interleavings(style: str) -> Sequence[float]:
    """Returns the least and the greatest loss that two workers of a style may come to."""
    losses: Sequence[float] = in_a_fork(
        lambda: losses_of_interleavings(style == "tf1_style", EVERY, RATE)
    )
    return losses


def in_a_fork(compute: Callable[[], Any]) -> Any:
    """Returns what a function returns in a fork: this process must start no threads."""
    (line,) = Child(lambda tell: tell(json.dumps(compute()))).lines()
    return json.loads(line)


def kill_in_chains(style: str, count: int, seed: int, work: Path, made: Sequence[Made]) -> Chains:
    """Kills a process in each of `count` runs, the kinds in turn, at random moments.

    Args:
        style: tf1_style or tf2_style.
        count: how many kills.
        seed: of the moments.
        work: an empty folder.
        made: the models that are trained, in turn.
    """
    runs, chosen, chains = Runs(style, work), random.Random(seed), Chains()
    calm = Training(runs, counting, runs.folder()).run(None)
    if calm.error:
        raise SystemExit(f"error: the uninterrupted run failed: {calm.error}")
    trained = 0
    while chains.kills.total() < count:
        training = Training(runs, made[trained % len(made)], runs.folder())
        trained += 1
        _until_its_end(training, calm, count, chosen, chains)
    return chains


def _until_its_end(
    training: Training, calm: Outcome, count: int, chosen: random.Random, chains: Chains
) -> None:
    """Kills runs of one training until one comes to its end."""
    victims = training.runs.cluster(2).tasks
    while True:
        number = chains.kills.total()
        victim = victims[number % len(victims)]
        kill = training.moment(victim, calm.seconds, chosen) if number < count else None
        outcome = training.run(kill)
        problems = training.at_start(outcome)
        if outcome.killed and outcome.error:
            problems += training.after_kill(outcome, victim)
            chains.note_kill(outcome, victim, training.saved)
        elif outcome.error:
            problems.append(f"not killed, and ended with {outcome.error!r}")
        else:
            problems += training.at_end(outcome, found_in(calm)["bits"])
            chains.note_end(training.is_counted, problems)
        for problem in problems:
            chains.wrong.append(f"{training.made.__name__}, {kill}: {problem}")
            print(chains.wrong[-1], file=sys.stderr, flush=True)
        if not (outcome.killed and outcome.error):
            return
        print(f"{number + 1} of {count}: {chains}", file=sys.stderr, flush=True)
