"""The cases that a run times: all of them, or a part that takes two minutes.

A *runtime* is how a model is run (Session, tf.function, JAX). A *task* is what is timed (train,
predict, save). A *workload* is a model and the batches it is given. A *case* is one runtime doing
one task for one model at one batch size: one benchmark of pytest. The cases of a *group* are timed
interleaved.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from benchmarks.models_and_batches import PAIRS, SETUPS, has_optimizers
from benchmarks.runtimes import (
    DEFAULTS,
    MACHINE_LIMITS,
    PREDICTING,
    REFERENCE,
    RUNTIMES,
    Runtime,
    runtime_named,
)
from shared.models import TIMED_WHEN_NAMED


class LeftOut(NamedTuple):
    """Runtimes that do not train a model here, and why."""

    runtimes: tuple[str, ...]  # their names
    reason: str


_FIT = ("fit", "fit-many-steps")
_IN_A_KERNEL = ("many-steps-xla-kernel", "jax-scan-kernel")
_INTRA_OP = ("session-intra-1", "gathered-intra-1")
# Runtimes that train some models only: which models, and why they leave out the others.
_TRAIN_SOME = (
    (
        ("softmax_regression", "mlp"),
        LeftOut(("rows", "rows-tf1"), "its steps are long, or its batches no rows of examples"),
    ),
    (
        ("mlp", "cnn"),
        LeftOut(
            _INTRA_OP,
            "one model shows that an operation's threads can cost time, another that they pay",
        ),
    ),
    (
        ("linear_regression", "relu_regression"),
        LeftOut(
            _IN_A_KERNEL,
            "in a loop that is one kernel XLA multiplies matrices by plain loops",
        ),
    ),
    (
        ("softmax_regression",),
        LeftOut(
            ("many-steps-xla-transposed", "jax-scan-transposed"),
            "no matrix of weights that is most of the step has as few columns",
        ),
    ),
)
_OF_SOME = {name for _, left_out in _TRAIN_SOME for name in left_out.runtimes}
_PEERS = tuple(
    runtime.name for runtime in RUNTIMES if runtime.is_peer and runtime.name not in _OF_SOME
)
_GATHERED = ("gathered", "gathered-tf1")
_UNROLLED = ("many-steps-xla-unrolled", "jax-scan-unrolled")
_ALL_POINTS = LeftOut(_GATHERED, "a batch is all points, so there is nothing to gather")
_OF_NETWORKS = (
    LeftOut(_GATHERED, "the style file passes its batches as NumPy arrays"),
    LeftOut(_FIT, "the overhead of `fit` shows in the smaller models"),
    LeftOut(
        ("many-steps-xla-unrolled",), "the cost of a loop iteration shows in the smaller models"
    ),
)
_OF_A_MODEL: dict[str, tuple[LeftOut, ...]] = {
    "linear_regression": (_ALL_POINTS,),
    "relu_regression": (_ALL_POINTS,),
    "cnn": (
        LeftOut(("numpy",), "convolutions written by hand in NumPy would be no fair peer"),
        LeftOut(
            ("many-steps-xla-tf1", *_UNROLLED),
            "XLA runs a convolution inside a loop on one thread; "
            "the row 'XLA, many steps' shows this already",
        ),
    ),
    "residual_network": (
        *_OF_NETWORKS,
        LeftOut(_PEERS, "batch normalization and averages are not implemented for the peers"),
    ),
    "recurrent_network": (*_OF_NETWORKS, LeftOut(_PEERS, "no LSTM is implemented for the peers")),
    "embeddings": (*_OF_NETWORKS, LeftOut(_PEERS, "a batch is three arrays, and peers take two")),
    "adversarial": (
        *_OF_NETWORKS,
        LeftOut(_PEERS, "a step makes two updates, and peers make one"),
        LeftOut(
            ("session-dataset",),
            "a step runs the Session twice, and each run would take a batch of its own",
        ),
    ),
}
LEFT_OUT = {
    model: (
        *_OF_A_MODEL.get(model, ()),
        *(left_out for models, left_out in _TRAIN_SOME if model not in models),
    )
    for model in SETUPS
}
"""The runtimes that are left out of a model's training, by model."""
# A call of these takes seconds, or they need a process of their own: a quick run leaves them out.
_SLOW = {
    "linear_regression": _IN_A_KERNEL,
    "relu_regression": _IN_A_KERNEL,
    "mlp": _INTRA_OP,
    "cnn": ("many-steps-xla", "jax-scan", *_INTRA_OP),
}
STARTUP_TASKS = ("startup import", "startup build", "startup first step")
_BOTH_STYLES = ("tf115", REFERENCE, "function")


class Case(NamedTuple):
    """One benchmark: one runtime doing one task, timed interleaved with others."""

    model: str
    task: str  # train, train by batch, a key of benchmarks.tasks.TASKS, or one of STARTUP_TASKS
    runtime: Runtime
    batch: int
    timed_with: tuple[Runtime, ...]  # all runtimes of its group, its own among them

    @property
    def id(self) -> str:
        """As pytest shows it."""
        return f"{self.model}-{self.batch}-{self.task.replace(' ', '-')}-{self.runtime.name}"


class LengthCase(NamedTuple):
    """One benchmark of a run of so many steps."""

    model: str
    runtime: Runtime
    steps: int
    task: str = "length"
    batch: int | None = None

    @property
    def id(self) -> str:
        """As pytest shows it."""
        return f"{self.model}-{self.steps}-{self.runtime.name}"


@dataclasses.dataclass(frozen=True)
class Plan:
    """Sizes of a run."""

    rounds: int
    seconds: float  # that each runtime is timed in a round
    rounds_per_batch_size: int
    batches: tuple[int, ...]  # sizes in the picture of growing batches; none: no such picture
    lengths: tuple[int, ...]  # steps of each run in the table of longer runs
    latency_calls: int  # single predictions in a round
    processes_per_runtime: int  # that are started to time the start-up
    full: bool  # also slow loops, evaluate, save and restore
    named_by_batch: bool = False  # whether the models timed only when named grow their batches too

    def training_runtimes(self, model: str) -> tuple[Runtime, ...]:
        """Returns the runtimes that train `model` in this plan.

        Those in LEFT_OUT are missing, and those of an optimizer that the model does not have.
        """
        missing = {name for left_out in LEFT_OUT.get(model, ()) for name in left_out.runtimes}
        if not has_optimizers(PAIRS[model]):
            missing |= {runtime.name for runtime in RUNTIMES if runtime.optimizer == "tf1"}
        if not self.full:
            missing |= set(_SLOW.get(model, ()))
        return tuple(runtime for runtime in RUNTIMES if runtime.name not in missing)

    def batch_size_runtimes(self, model: str) -> tuple[Runtime, ...]:
        """Returns the runtimes that are timed at every batch size."""
        xla = "function-xla" if model == "cnn" else "many-steps-xla"
        return tuple(runtime_named(name) for name in (REFERENCE, "function", DEFAULTS[model], xla))


FULL = Plan(
    rounds=7,
    seconds=0.15,
    rounds_per_batch_size=3,
    batches=(1, 8, 64, 512, 4096),
    lengths=(100, 1000, 10_000, 100_000),
    latency_calls=300,
    processes_per_runtime=2,
    full=True,
)
# On a GPU, small batches leave most of it idle; large ones are what it is for.
ON_GPU = dataclasses.replace(
    FULL, rounds=5, seconds=0.05, batches=(50, 512, 4096), named_by_batch=True
)
QUICK = Plan(
    rounds=3,
    seconds=0.03,
    rounds_per_batch_size=2,
    batches=(),
    lengths=(100, 1000),
    latency_calls=100,
    processes_per_runtime=1,
    full=False,
)
MODELS = tuple(name for name in SETUPS if name not in TIMED_WHEN_NAMED)


def plan_of(device: str, quick: bool) -> Plan:
    """Returns the sizes of a run on a device, cpu or gpu."""
    if quick:
        return QUICK
    return ON_GPU if device == "gpu" else FULL


def cases_of(model: str, task: str, batch: int, runtimes: tuple[Runtime, ...]) -> list[Case]:
    """Returns one case per runtime; all of them form one group."""
    return [Case(model, task, runtime, batch, runtimes) for runtime in runtimes]


def training_cases(plan: Plan, model: str) -> list[Case]:
    """Returns the cases of the main table: all runtimes, at the model's own batch size."""
    runtimes = (*plan.training_runtimes(model), *MACHINE_LIMITS)
    return cases_of(model, "train", SETUPS[model].batch, runtimes)


def batch_cases(plan: Plan, model: str) -> list[Case]:
    """Returns the training cases over growing batch sizes; each batch size is a group of its own.

    On a CPU there are none for models that are timed only when named.
    """
    if model in TIMED_WHEN_NAMED and not plan.named_by_batch:
        return []
    runtimes = (*plan.batch_size_runtimes(model), *MACHINE_LIMITS)
    return [
        case
        for batch in plan.batches
        for case in cases_of(model, "train by batch", batch, runtimes)
    ]


def other_cases(plan: Plan, model: str) -> list[Case]:
    """Returns the cases of evaluation, prediction, saving and restoring, in both styles."""
    runtimes = tuple(runtime_named(name) for name in _BOTH_STYLES)
    tasks = ("evaluate", "predict", "save", "restore") if plan.full else ("predict",)
    groups = dict.fromkeys(tasks, runtimes)
    groups["predict"] += (runtime_named("concrete"), runtime_named("function-xla"), *PREDICTING)
    batch = SETUPS[model].batch
    return [case for task in tasks for case in cases_of(model, task, batch, groups[task])]


def startup_cases(plan: Plan, model: str) -> list[Case]:
    """Returns the cases of the start-up, of one model with a small graph and one with a large."""
    if model not in (("softmax_regression", "cnn") if plan.full else ("softmax_regression",)):
        return []
    runtimes = tuple(runtime_named(name) for name in ("tf115", REFERENCE, DEFAULTS[model]))
    batch = SETUPS[model].batch
    return [case for task in STARTUP_TASKS for case in cases_of(model, task, batch, runtimes)]


def length_cases(plan: Plan, model: str) -> list[LengthCase]:
    """Returns the cases of longer runs, of the model whose steps are shortest.

    The runtimes alternate at each length.
    """
    if model != "relu_regression":
        return []
    runtimes = [runtime_named(name) for name in (REFERENCE, "function", "many-steps")]
    return [LengthCase(model, runtime, steps) for steps in plan.lengths for runtime in runtimes]
