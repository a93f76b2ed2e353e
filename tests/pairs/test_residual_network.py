"""The residual network: NumPy in float64, and twins broken by one change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

from model_state import assign
from numpy_models import convolve, cross_entropies, right_class
from shared.data.batch_order import batch_rows
from shared.data.digits import load_digits
from shared.models import PAIRS
from shared.program.tracing import TracedModel
from shared.tools.compare.result import DIFFERS, EQUAL
from shared.tools.compare.traces import compare
from shared.trace_recorder import Trace, TraceRecorder, read_trace
from tf2_style.residual_network import Config, ResidualNetwork

PAIR = PAIRS["residual_network"]
# The rate falls after the second of three steps.
SETTINGS: dict[str, Any] = {"decay_steps": 2, "weight_decay": 0.01}
AVERAGE = "/ExponentialMovingAverage"
Arrays = Mapping[str, np.ndarray]


def batches(steps: range = range(3)) -> tuple[np.ndarray, np.ndarray]:
    digits = load_digits()
    rows = batch_rows(len(digits.train_images), 8, steps, seed=0)
    return digits.train_images[rows], digits.train_labels[rows]


def traced(path: Path, model: Any, steps: range = range(3)) -> Trace:
    with TraceRecorder(path) as recorder:
        TracedModel(model, recorder).train_steps(*batches(steps))
    return read_trace(path)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    path = tmp_path_factory.mktemp("reference") / "tf1.npz"
    return traced(path, PAIR.create("tf1_style", **SETTINGS))


def twin(cls: type) -> Any:
    return cls(Config(optimizer="tf1", **SETTINGS))


# ---- NumPy ------------------------------------------------------------------------------------


class Numpy:
    """The network in float64; `statistics` has the mean and variance of each normalization."""

    def __init__(self, p: Arrays, is_training: bool) -> None:
        self.p, self.is_training = p, is_training
        self.statistics: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def convolve(self, name: str, values: np.ndarray, strides: int = 1) -> np.ndarray:
        kernel = self.p[name + "/kernel"]
        # An even size needs one row more than it has, which SAME adds at the end: windows of
        # three are centred on 1, 3, 5, ..., those of one on 0, 2, 4, ...
        start = kernel.shape[0] // 2 * (strides - 1)
        return convolve(values, kernel)[:, start::strides, start::strides]

    def normalize(self, name: str, values: np.ndarray) -> np.ndarray:
        mean, variance = values.mean(axis=(0, 1, 2)), values.var(axis=(0, 1, 2))
        count = values.size // values.shape[-1]
        self.statistics[name] = mean, variance * count / (count - 1)  # of a sample, for averages
        if not self.is_training:
            mean, variance = (self.p[f"{name}/moving_{each}"] for each in ("mean", "variance"))
        normal = (values - mean) / np.sqrt(variance + 1e-3)
        return self.p[name + "/gamma"] * normal + self.p[name + "/beta"]

    def block(self, name: str, values: np.ndarray, strides: int) -> np.ndarray:
        first = self.normalize(name + "_norm1", self.convolve(name + "_conv1", values, strides))
        second = self.convolve(name + "_conv2", np.maximum(first, 0))
        if strides > 1:
            values = self.convolve(name + "_skip", values, strides)
        return np.maximum(values + self.normalize(name + "_norm2", second), 0)

    def logits(self, images: np.ndarray) -> np.ndarray:
        pixels = np.asarray(images, np.float64).reshape(-1, 28, 28, 1)
        values = np.maximum(self.normalize("stem_norm", self.convolve("stem_conv", pixels, 2)), 0)
        values = self.block("block2", self.block("block1", values, 1), 2)
        return values.mean(axis=(1, 2)) @ self.p["output/kernel"] + self.p["output/bias"]

    def loss(self, images: np.ndarray, labels: np.ndarray, weight_decay: float = 0.01) -> float:
        kernels = [array for name, array in self.p.items() if name.endswith("/kernel")]
        halves = sum((kernel**2).sum() / 2 for kernel in kernels)
        losses = cross_entropies(self.logits(images), labels)
        return float(losses.mean() + weight_decay * halves)


def served(p: Arrays) -> dict[str, np.ndarray]:
    """Returns what predictions use: the average of each parameter, by the parameter's name."""
    averages = {name[: -len(AVERAGE)]: p[name] for name in p if name.endswith(AVERAGE)}
    return {**{name: array for name, array in p.items() if "/moving_" in name}, **averages}


def wide(arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(array, np.float64) for name, array in arrays.items()}


def model_in_any_state(style: str, step: int) -> Any:
    """Returns a model with variables, averages and slots that are all different."""
    settings = {**SETTINGS, "decay_steps": 500}
    model = PAIR.create(style, "tf1" if style == "tf2_style" else None, **settings)
    random = np.random.RandomState(step)
    for name, variable in {**model.state_variables(), **model.slot_variables()}.items():
        shape = tuple(variable.shape.as_list())
        scale = (2 / np.prod(shape[:-1])) ** 0.5 if len(shape) > 1 else 0.3
        value = random.normal(0, scale, shape)
        if "variance" in name or "gamma" in name:
            value = 1 + np.abs(value)
        assign(model, variable, value.astype(np.float32))
    assign(model, model.global_step, np.int64(step))
    return model


def examples(size: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(size)
    images = random.normal(0.3, 1, [size, 784]).astype(np.float32)
    return images, np.eye(10, dtype=np.float32)[random.randint(0, 10, size)]


# Roundings at random: a logit is a chain of sums of 9 + 72 + 72 + 72 + 288 + 49 + 32 products,
# between five normalizations over up to 5 * 196 numbers. A margin of eight, as for other pairs.
BOUND = 8 * (594 + 5 * 980) ** 0.5 * 2.0**-24


def distance(found: Any, expected: np.ndarray) -> float:
    difference = np.asarray(found, np.float64) - expected
    return float(np.linalg.norm(difference) / np.linalg.norm(expected))


STYLES = [pytest.param("tf1_style", marks=pytest.mark.slow), "tf2_style"]


@pytest.mark.parametrize("style", STYLES)
def test_predictions_and_metrics_are_numpys(style: str) -> None:
    model, (images, labels) = model_in_any_state(style, 7), examples(7)
    p = wide(model.variables())
    expected = Numpy(served(p), is_training=False).logits(images)
    assert distance(model.predict(images), expected) < BOUND
    metrics = model.evaluate(images, labels)
    assert abs(metrics["loss"] / cross_entropies(expected, labels).mean() - 1) < BOUND
    assert metrics["accuracy"] * 7 == pytest.approx(right_class(expected, labels).sum())
    # Parameters in place of their averages are far away.
    assert distance(Numpy(p, is_training=False).logits(images), expected) > 0.1


# At step 4 the weights' averages keep 6 / 15, later 0.97. The rate has fallen twice by then.
@pytest.mark.parametrize("step", [pytest.param(4, marks=pytest.mark.slow), 1051])
@pytest.mark.parametrize("style", STYLES)
def test_one_update_is_numpys(style: str, step: int) -> None:
    model, batch = model_in_any_state(style, step), examples(5)
    p, slots = wide(model.variables()), wide(model.slots())
    gradients = wide(dict(model.gradients(*batch)))
    network = Numpy(p, is_training=True)
    assert abs(float(np.asarray(model.train_step(*batch))) / network.loss(*batch) - 1) < BOUND
    after, moved = wide(model.variables()), wide(model.slots())
    rate, kept = 0.1 * 0.2 ** (step // 500), min(0.97, (2 + step) / (11 + step))
    for name, gradient in gradients.items():
        momentum = 0.9 * slots[name + "/momentum"] + gradient
        new = p[name] - rate * momentum
        expected = kept * p[name + AVERAGE] + (1 - kept) * after[name]
        # Single updates: a few roundings of each number, 0.9 and the rate among them.
        assert distance(moved[name + "/momentum"], momentum) < 4 * 2.0**-24, name
        assert distance(after[name], new) < 4 * 2.0**-24, name
        assert distance(after[name + AVERAGE], expected) < 8 * 2.0**-24, name
    for name, statistics in network.statistics.items():
        for kind, statistic in zip(("mean", "variance"), statistics, strict=True):
            average = f"{name}/moving_{kind}"
            expected = 0.9 * p[average] + 0.1 * statistic
            assert distance(after[average], expected) < BOUND, average
    assert model.step() == step + 1


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_gradients_are_slopes_of_numpys_loss(style: str) -> None:
    model, batch = model_in_any_state(style, 3), examples(5)
    p = wide(model.variables())
    for name, gradient in wide(dict(model.gradients(*batch))).items():
        direction = gradient / np.linalg.norm(gradient)
        ends = [
            Numpy({**p, name: p[name] + length * direction}, is_training=True).loss(*batch)
            for length in (-1e-6, 1e-6)
        ]
        slope = (ends[1] - ends[0]) / 2e-6
        # Sums that nearly cancel behind each normalization, beside the roundings.
        assert abs(slope / np.linalg.norm(gradient) - 1) < BOUND + 1e-4, name


# ---- broken twins -----------------------------------------------------------------------------


def test_the_unbroken_twin_is_equal(reference: Trace, tmp_path: Path) -> None:
    found = compare(reference, traced(tmp_path / "twin.npz", twin(ResidualNetwork)))
    assert (found.outcome, found.bitwise, found.steps) == (EQUAL, True, 3)


class UpdatesNotRun(ResidualNetwork):
    def update(self, gradients: Any) -> None:
        averages, self.batch_averages = self.batch_averages, {}
        super().update(gradients)
        self.batch_averages = averages


class KerasBatchMomentum(ResidualNetwork):
    def update(self, gradients: Any) -> None:
        before = {name: tf.identity(v) for name, v in self.batch_averages.items()}
        super().update(gradients)
        for name, average in self.batch_averages.items():  # 0.99 in place of 0.9
            average.assign(before[name] + 0.1 * (average - before[name]))


class VarianceOfMoments(ResidualNetwork):
    """As `tf.nn.moments` has it: divided by the count, not by one less."""

    def normalize(self, name: str, values: Any, is_training: bool) -> Any:
        normalized = super().normalize(name, values, is_training)
        if is_training:
            mean, variance = self.batch_statistics[name]
            count = tf.cast(tf.size(values) / values.shape[-1], tf.float32)
            self.batch_statistics[name] = mean, variance * (count - 1) / count
        return normalized


class OtherEpsilon(ResidualNetwork):
    def normalize(self, name: str, values: Any, is_training: bool) -> Any:
        kernel = tf.raw_ops.FusedBatchNormV3

        def other(**settings: Any) -> Any:
            return kernel(**{**settings, "epsilon": 1e-5})

        with mock.patch.object(tf.raw_ops, "FusedBatchNormV3", other):
            return super().normalize(name, values, is_training)


class EvaluatedRaw(ResidualNetwork):
    def scope(self, is_training: bool) -> Any:
        return self.parameters


class AveragesOfTheWeightsBefore(ResidualNetwork):
    def update(self, gradients: Any) -> None:
        self.weight_averages.apply(list(self.parameters.values()))
        with mock.patch.object(self.weight_averages, "apply"):
            super().update(gradients)


class AveragesFromTheStart(ResidualNetwork):
    def create_optimizer(self) -> None:
        super().create_optimizer()
        self.weight_averages._num_updates = None  # 0.97 at once


class StaircaseOneEarly(ResidualNetwork):
    def create_optimizer(self) -> None:
        super().create_optimizer()
        self.optimizer.learning_rate = lambda step: self.learning_rate(step + 1)


class NoStaircase(ResidualNetwork):
    def create_optimizer(self) -> None:
        super().create_optimizer()
        self.learning_rate.staircase = False


class HalfPenalty(ResidualNetwork):
    def penalty(self) -> Any:
        return super().penalty() / 2


class NoPenalty(ResidualNetwork):
    def penalty(self) -> Any:
        return tf.zeros([])


class Nesterov(ResidualNetwork):
    def create_optimizer(self) -> None:
        super().create_optimizer()
        self.optimizer.use_nesterov = True


class OtherMomentum(ResidualNetwork):
    def create_optimizer(self) -> None:
        super().create_optimizer()
        self.optimizer.momentum = 0.99


KERNEL = "stem_conv/kernel"
BROKEN = {
    "updates not run": (UpdatesNotRun, (1, "variable", "stem_norm/moving_mean")),
    "averages with Keras's 0.99": (KerasBatchMomentum, (1, "variable", "stem_norm/moving_mean")),
    "variance of tf.nn.moments": (VarianceOfMoments, (1, "variable", "stem_norm/moving_variance")),
    "another epsilon": (OtherEpsilon, (1, "logits", "logits")),
    "averages evaluated raw": (EvaluatedRaw, (2, "logits", "logits")),
    "averages of old weights": (AveragesOfTheWeightsBefore, (1, "variable", KERNEL + AVERAGE)),
    "averages without steps": (AveragesFromTheStart, (1, "variable", KERNEL + AVERAGE)),
    "rate one step early": (StaircaseOneEarly, (2, "variable", KERNEL)),
    "rate without stairs": (NoStaircase, (2, "variable", KERNEL)),
    "half the penalty": (HalfPenalty, (1, "loss", "loss")),
    "no penalty": (NoPenalty, (1, "loss", "loss")),
    "Nesterov": (Nesterov, (1, "variable", KERNEL)),
    "another momentum": (OtherMomentum, (2, "slot", KERNEL + "/momentum")),
}


QUICK = {"rate one step early"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in BROKEN],
)
def test_a_broken_residual_twin_is_found_where_it_breaks(
    name: str, reference: Trace, tmp_path: Path
) -> None:
    cls, place = BROKEN[name]
    found = compare(reference, traced(tmp_path / "twin.npz", twin(cls)))
    assert found.outcome == DIFFERS
    first = found.first_difference
    assert first is not None and (first.step, first.stage, first.tensor) == place


class DecayFromTheStart(ResidualNetwork):
    """As an optimizer that counts its own steps, and whose count no checkpoint holds."""

    def restore(self, path: str) -> None:
        super().restore(path)
        begin = self.step()
        self.optimizer.learning_rate = lambda step: self.learning_rate(step - begin)


@pytest.mark.slow
def test_a_decay_that_restarts_is_found_after_the_resume(tmp_path: Path) -> None:
    tf1_model = PAIR.create("tf1_style", **SETTINGS)
    tf1_model.train_steps(*batches())
    expected = traced(tmp_path / "tf1.npz", tf1_model, range(3, 5))
    saved = twin(ResidualNetwork)
    saved.train_steps(*batches())
    path = saved.save(str(tmp_path))
    for cls, place in ((ResidualNetwork, None), (DecayFromTheStart, (4, "variable", KERNEL))):
        resumed = twin(cls)
        resumed.restore(path)
        trace = traced(tmp_path / f"{cls.__name__}.npz", resumed, range(3, 5))
        found = compare(expected, trace)
        first = found.first_difference
        assert (found.outcome == EQUAL, found.bitwise) == (place is None, place is None)
        assert (first and (first.step, first.stage, first.tensor)) == place
