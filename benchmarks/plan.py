"""What is measured: everything, or a part of it that takes two minutes."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from benchmarks.models_and_batches import PAIRS, SETUPS, has_optimizers
from benchmarks.runtimes import DEFAULTS, LIMITS, REFERENCE, RUNTIMES, Runtime, runtime_named
from shared.models import TIMED_WHEN_NAMED

_FIT = ("fit", "fit-many-steps")
_PEERS = tuple(way.name for way in RUNTIMES if way.is_peer)
_GATHERED = ("gathered", "gathered-tf1")
_UNROLLED = ("many-steps-xla-unrolled", "jax-scan-unrolled")
_POINTS = (_GATHERED, "a line's batches are all of its points")
_PLAIN = (
    (_GATHERED, "the style file takes its batches as NumPy arrays"),
    (_FIT, "it would make the same step; the other models show what `fit` adds to one"),
    (("many-steps-xla-unrolled",), "what a turn of the loop costs, small models show"),
)
LEFT_OUT: dict[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "linear_regression": (_POINTS,),
    "relu_regression": (_POINTS,),
    "cnn": (
        (("numpy",), "convolutions by hand would be no fair peer"),
        (
            ("many-steps-xla-tf1", *_UNROLLED),
            "XLA's loop has each convolution on one thread: one shows it",
        ),
    ),
    "residual_network": (*_PLAIN, (_PEERS, "batch normalization and averages are not written")),
    "recurrent_network": (*_PLAIN, (_PEERS, "the cell is not written")),
    "embeddings": (*_PLAIN, (_PEERS, "a batch is three arrays, and peers take two")),
    "adversarial": (
        *_PLAIN,
        (_PEERS, "a step makes two updates, and peers make one"),
        (("session-dataset",), "the Session runs twice a step, each time on a batch of its own"),
    ),
}
"""Runtimes that are left out of a model's training, by model, and why."""
# XLA's loop over convolutions takes seconds a call: left out of a quick run, and JAX's with it.
_SLOW = {"cnn": ("many-steps-xla", "jax-scan")}


class Case(NamedTuple):
    """One benchmark: one way among those that it is timed in turn with."""

    model: str
    work: str  # train, or a key of benchmarks.kinds_of_work.WORKS
    way: Runtime
    batch: int
    group: tuple[Runtime, ...]

    @property
    def id(self) -> str:
        """As pytest shows it."""
        return f"{self.model}-{self.batch}-{self.work.replace(' ', '-')}-{self.way.name}"


class LengthCase(NamedTuple):
    """One benchmark of a run of so many steps."""

    model: str
    way: Runtime
    steps: int
    work: str = "length"
    batch: int | None = None

    @property
    def id(self) -> str:
        """As pytest shows it."""
        return f"{self.model}-{self.steps}-{self.way.name}"


@dataclasses.dataclass(frozen=True)
class Plan:
    """Sizes of a run."""

    rounds: int
    seconds: float  # that each way is timed in a round
    batch_rounds: int  # of each batch size
    batches: tuple[int, ...]  # of the picture that grows the batch; none: no such picture
    lengths: tuple[int, ...]  # steps of the table that grows the run
    latency_calls: int  # single predictions a round
    startups: int  # processes started a way
    slow_ways: bool  # also what takes seconds a repetition, evaluation, saving and restoring

    def training_ways(self, model: str) -> tuple[Runtime, ...]:
        """The ways of training a model, less those that there are not or that say nothing new."""
        leave_out = {name for names, _ in LEFT_OUT.get(model, ()) for name in names}
        if not has_optimizers(PAIRS[model]):
            leave_out |= {way.name for way in RUNTIMES if way.optimizer == "tf1"}
        if not self.slow_ways:
            leave_out |= set(_SLOW.get(model, ()))
        return tuple(way for way in RUNTIMES if way.name not in leave_out)

    def growing_ways(self, model: str) -> tuple[Runtime, ...]:
        """The ways that are timed at every batch size."""
        xla = "function-xla" if model == "cnn" else "many-steps-xla"
        return tuple(runtime_named(name) for name in (REFERENCE, "function", DEFAULTS[model], xla))


FULL = Plan(7, 0.15, 3, (1, 8, 64, 512, 4096), (100, 1000, 10_000, 100_000), 300, 2, True)
QUICK = Plan(3, 0.03, 2, (), (100, 1000), 100, 1, False)
MODELS = tuple(name for name in SETUPS if name not in TIMED_WHEN_NAMED)
STARTUP_WORKS = ("startup import", "startup build", "startup first step")
_BOTH_STYLES = ("tf115", REFERENCE, "function")


def cases_of(model: str, work: str, batch: int, ways: tuple[Runtime, ...]) -> list[Case]:
    """A case for each way, and for what the machine can do where a floor is asked for."""
    return [Case(model, work, way, batch, ways) for way in ways]


def training_cases(plan: Plan, model: str) -> list[Case]:
    """The main table: every way, at the model's own batch size, with the limits in turn."""
    ways = (*plan.training_ways(model), *LIMITS)
    return cases_of(model, "train", SETUPS[model].batch, ways)


def batch_cases(plan: Plan, model: str) -> list[Case]:
    """The picture of growing batches, of the models of a run of all."""
    if model in TIMED_WHEN_NAMED:
        return []
    ways = (*plan.growing_ways(model), *LIMITS)
    return [
        case for batch in plan.batches for case in cases_of(model, "train by batch", batch, ways)
    ]


def other_cases(plan: Plan, model: str) -> list[Case]:
    """Evaluation, prediction, saving and restoring, in both styles."""
    ways = tuple(runtime_named(name) for name in _BOTH_STYLES)
    works = ("evaluate", "predict", "save", "restore") if plan.slow_ways else ("predict",)
    groups = dict.fromkeys(works, ways)
    groups["predict"] += (runtime_named("concrete"), runtime_named("function-xla"))
    batch = SETUPS[model].batch
    return [case for work in works for case in cases_of(model, work, batch, groups[work])]


def startup_cases(plan: Plan, model: str) -> list[Case]:
    """Importing, building and the first call, of the smallest and the largest graph."""
    if model not in (("softmax_regression", "cnn") if plan.slow_ways else ("softmax_regression",)):
        return []
    ways = tuple(runtime_named(name) for name in ("tf115", REFERENCE, DEFAULTS[model]))
    batch = SETUPS[model].batch
    return [case for work in STARTUP_WORKS for case in cases_of(model, work, batch, ways)]


def length_cases(plan: Plan, model: str) -> list[LengthCase]:
    """Runs of growing length, of the model whose steps are shortest; ways in turn."""
    if model != "relu_regression":
        return []
    ways = [runtime_named(name) for name in (REFERENCE, "function", "many-steps")]
    return [LengthCase(model, way, steps) for steps in plan.lengths for way in ways]
