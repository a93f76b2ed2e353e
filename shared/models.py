"""The models of the suite: which pairs there are and what each is trained with."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Sequence
from typing import Any

from shared.data.digits import load_digits
from shared.data.fashion import load_fashion
from shared.errors import UsageError
from shared.program import Program
from shared.program.tasks import Task

STYLES = ("tf1_style", "tf2_style")
IMAGES: dict[str, Any] = {"digits": load_digits, "fashion": load_fashion, "noise": load_digits}
"""What loads the images that a pair is trained on, by the pair's `data`."""
WHOLE_SETS = {"mnist": "digits", "fashion": "fashion"}
"""The `data` that each name of a whole set of images is of."""


@dataclasses.dataclass(frozen=True)
class Variant:
    """One way of training a model: a style and, where the style has a choice, an optimizer."""

    style: str  # tf1_style or tf2_style
    label: str  # the optimizer as people read it
    optimizer: str | None = None  # value of --optimizer, None where the style has no such flag
    bound: float = 0.0  # how far the loss curve may be off; see shared.tools.run.verdict.Verdict

    @property
    def is_same_kernel(self) -> bool:
        """Whether it updates with the kernel of its TensorFlow 1 twin, so that all bits agree."""
        return self.bound == 0


@dataclasses.dataclass(frozen=True)
class ParityRun:
    """The default run of `pairs parity`.

    `rounding_drift` is for a network, in which a rounding grows: what one rounding of each initial
    weight makes of the losses by the last of the bounded steps, ||b - a|| / ||a||, as
    tests/pairs/test_one_rounding.py measures it. None where training damps a rounding.

    `eager_reorders`: whether an eager run adds in another order. Where a gradient is a sum of three
    or more parts, as of batch normalization, Grappler rewrites the sum in a Session as in a
    tf.function, and nothing rewrites it in an eager run. And a loop adds the gradients of its turns
    up one by one, where the tape of an eager run, which sees no loop, adds all of them at once.

    `turns`: whether a rounding decides in these steps if a unit turns around. Then a distance below
    `rounding_drift` has one size or a much larger one: Keras's momentum was 3e-7 and 7e-4 off.
    """

    steps: int
    eager_steps: int | None = None  # fewer, for an eager step takes up to ten times as long
    bounded_steps: int | None = None  # fewer, where a rounding takes a longer run elsewhere
    rounding_drift: float | None = None
    eager_reorders: bool = False
    turns: bool = False


@dataclasses.dataclass(frozen=True)
class Pair:
    """One model in both styles."""

    name: str  # of the two files
    class_name: str
    data: str  # "line", or a key of IMAGES ("noise": digits are generated from it)
    variants: tuple[Variant, ...]  # the TensorFlow 1 style first: the others are compared with it
    parity: ParityRun
    run_steps: int | None = None  # steps in `pairs run`, None for the default of the files

    def module(self, style: str) -> Any:
        """Imports and returns the model's file of `style`."""
        return importlib.import_module(f"{style}.{self.name}")

    def program(self, style: str) -> Program:
        """Returns what the model's file of `style` does as a program."""
        program: Program = self.module(style).PROGRAM
        return program

    @property
    def task(self) -> Task:
        """What the model is trained on, in either style."""
        return self.program("tf1_style").task

    def create(self, style: str, optimizer: str | None = None, **settings: Any) -> Any:
        """Makes the model of `style` at step 0.

        Args:
            style: tf1_style or tf2_style.
            optimizer: value of `--optimizer`; None for the default, or where there is no such flag.
            settings: further fields of the file's `Config`.
        """
        module = self.module(style)
        if optimizer:
            settings["optimizer"] = optimizer
        return getattr(module, self.class_name)(module.Config(**settings))

    @property
    def same_kernel(self) -> Variant:
        """The TensorFlow 2 variant that updates with TensorFlow 1's own kernel."""
        (variant,) = (
            variant
            for variant in self.variants
            if variant.style == "tf2_style" and variant.is_same_kernel
        )
        return variant


_BY_HAND = (Variant("tf1_style", "by hand"), Variant("tf2_style", "by hand"))
_SGD = (Variant("tf1_style", "SGD"), Variant("tf2_style", "Keras SGD"))


def _adam(bound: float) -> tuple[Variant, ...]:
    return (
        Variant("tf1_style", "Adam"),
        Variant("tf2_style", "TF1's Adam", "tf1"),
        Variant("tf2_style", "Keras Adam", "keras", bound=bound),
    )


def _momentum(bound: float) -> tuple[Variant, ...]:
    return (
        Variant("tf1_style", "momentum"),
        Variant("tf2_style", "TF1 kernel", "tf1"),
        Variant("tf2_style", "Keras SGD", "keras", bound=bound),
    )


# Keras's Adam computes the same formula with other roundings: 1 - beta2 in Python's precision,
# where TensorFlow 1's kernel has float32(1 - float32(0.999)), so that each of Keras's updates is
# 6.4e-6 smaller, and powers of beta afresh at every step. A line follows that directly, with a
# margin of ten for the roundings; a deep network amplifies any such change while it learns.
# Keras's momentum adds up what the rate has multiplied, TensorFlow 1's multiplies what is added up.
# tests/pairs/test_keras_adam.py shows that a change of the learning rate by 6.4e-6 does the same.
# The drift of the MLP's loss stops to grow at 2e-2, which even a change in the last bit reaches.
_LINE_BOUND, _NETWORK_BOUND = 1e-4, 5e-2

PAIRS = {
    pair.name: pair
    for pair in (
        Pair("linear_regression", "LinearRegression", "line", _BY_HAND, ParityRun(10)),
        Pair(
            "relu_regression", "ReluRegression", "line", _adam(_LINE_BOUND), ParityRun(10_000, 500)
        ),
        Pair("softmax_regression", "SoftmaxRegression", "digits", _SGD, ParityRun(1_000, 200)),
        Pair(
            "mlp",
            "MLP",
            "fashion",
            _adam(_NETWORK_BOUND),
            # Between steps 200 and 500 a unit turns around in two runs of three, and takes the
            # losses of the rest 2e-2 away.
            ParityRun(1_560, 200, bounded_steps=200, rounding_drift=1e-7),
        ),
        Pair(
            "cnn",
            "CNN",
            "digits",
            _adam(_NETWORK_BOUND),
            ParityRun(100, 20, rounding_drift=5e-4),
            run_steps=200,
        ),
        Pair(
            "residual_network",
            "ResidualNetwork",
            "digits",
            _momentum(_NETWORK_BOUND),
            # In the first 20 steps a rounding either turns a unit around or does not; after 30 it
            # always has, and the drifts of all starts are alike.
            ParityRun(40, 10, bounded_steps=30, rounding_drift=1.2e-3, turns=True),
            run_steps=100,
        ),
        Pair(
            "recurrent_network",
            "RecurrentNetwork",
            "digits",
            _adam(_NETWORK_BOUND),
            ParityRun(60, 20, bounded_steps=50, rounding_drift=6e-8, eager_reorders=True),
            run_steps=200,
        ),
        Pair(
            "embeddings", "MatrixFactorization", "ratings", _adam(_LINE_BOUND), ParityRun(300, 60)
        ),
        Pair(
            "adversarial",
            "Adversarial",
            "noise",
            _adam(_NETWORK_BOUND),
            # After some 40 steps each network amplifies what the other makes of a rounding.
            ParityRun(200, 20, bounded_steps=20, rounding_drift=1e-7, eager_reorders=True),
            run_steps=200,
        ),
    )
}

SCRIPTS = ("basics", "input_pipeline", "transfer", "estimator")
"""Pairs of files that print the same lines; models that are trained by a program are in PAIRS."""

TIMED_WHEN_NAMED = ("residual_network", "recurrent_network", "embeddings", "adversarial")
"""Pairs that `pairs bench` times only when named, so that `make bench` stays within 20 minutes."""

SEVERAL_WORKERS = ("several_workers", "asynchronous_workers")
"""Pairs of files that train as several processes; `pairs workers` starts them."""

TOPICS = ("checkpoints", "export", "slots", "summaries")
"""Pairs of modules that tell once per style what is the same for every model."""


def pairs_named(names: Sequence[str]) -> list[Pair]:
    """Returns the pairs of these names, or all pairs for no name.

    Raises:
        UsageError: a name is not the name of a pair.
    """
    unknown = [name for name in names if name not in PAIRS]
    if unknown:
        raise UsageError(f"MODEL: expected one of {', '.join(PAIRS)}; found {unknown[0]!r}")
    return [PAIRS[name] for name in dict.fromkeys(names)] or list(PAIRS.values())
