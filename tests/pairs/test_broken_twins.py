"""Twins broken by one change each, and where `compare` finds every one of them.

The unbroken twins, on TensorFlow 1's optimizer kernel, equal the Session to the last bit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from large_models import LARGE, large_are_slow
from saved import restore, save
from shared.data.batch_order import batch_rows
from shared.data.regression_points import exact_line, noisy_line
from shared.models import IMAGES, PAIRS
from shared.program.batches import arrays_of
from shared.program.tracing import TracedModel
from shared.tools.compare.result import DIFFERS, EQUAL, NOT_COMPARABLE
from shared.tools.compare.traces import compare
from shared.trace_recorder import Trace, TraceRecorder, read_trace
from tf2_style import cnn, embeddings, linear_regression, mlp, relu_regression, softmax_regression
from tf2_style.tf1_adam import TF1Adam

STEPS = 3
BATCH_SIZES = {"relu_regression": 20, "softmax_regression": 10, "mlp": 32, "cnn": 4}
BATCH_SIZES.update(residual_network=8, recurrent_network=8, embeddings=64, adversarial=8)
# A quarter is kept: at a half, keep and drop probability could not be told apart. Powers of two
# only: TensorFlow 2 may multiply by the reciprocal of a constant, which others round.
SETTINGS: dict[str, dict[str, Any]] = {"cnn": {"keep_probability": 0.25}}
Batches = tuple[np.ndarray, ...]


def batches(name: str, first: int = 0) -> Batches:
    """Stacked batches of STEPS steps, from batch `first` on."""
    if name == "linear_regression":
        line = noisy_line(0)
        return np.stack([line.inputs] * STEPS), np.stack([line.targets] * STEPS)
    size, steps = BATCH_SIZES[name], range(first, first + STEPS)
    if PAIRS[name].data == "noise":
        config = PAIRS[name].module("tf1_style").Config(batch_size=size)
        data = PAIRS[name].task.load(config)
        return arrays_of(PAIRS[name].task.batches(data, config, steps))
    if PAIRS[name].data == "line":
        line = exact_line(0)
        rows = batch_rows(len(line.inputs), size, steps, seed=0)
        return line.inputs[rows], line.targets[rows]
    if PAIRS[name].data not in IMAGES:
        pair = PAIRS[name]
        config = pair.module("tf1_style").Config(batch_size=size)
        return arrays_of(pair.task.batches(pair.task.load(config), config, steps))
    images = IMAGES[PAIRS[name].data]()
    rows = batch_rows(len(images.train_images), size, steps, seed=0)
    return images.train_images[rows], images.train_labels[rows]


def traced(path: Path, model: Any, fed: Batches) -> Trace:
    """Trains `model` on from its step; returns the trace, opened."""
    with TraceRecorder(path, model=type(model).__name__) as recorder:
        TracedModel(model, recorder).train_steps(*fed)
    return read_trace(path)


def tf1_model(name: str) -> Any:
    return PAIRS[name].create("tf1_style", **SETTINGS.get(name, {}))


def tf2_model(name: str) -> Any:
    pair = PAIRS[name]
    return pair.create("tf2_style", pair.same_kernel.optimizer, **SETTINGS.get(name, {}))


def tf2_config(name: str, **settings: Any) -> Any:
    config = PAIRS[name].module("tf2_style").Config
    if "optimizer" in {field.name for field in dataclasses.fields(config)}:
        settings = {"optimizer": "tf1", **settings}
    return config(**{**SETTINGS.get(name, {}), **settings})


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trace]:
    """The Session's trace of a model, recorded once."""
    known: dict[str, Trace] = {}
    folder = tmp_path_factory.mktemp("reference")

    def reference(name: str) -> Trace:
        if name not in known:
            known[name] = traced(folder / f"{name}.npz", tf1_model(name), batches(name))
        return known[name]

    return reference


@pytest.mark.parametrize("name", large_are_slow(PAIRS))
def test_the_unbroken_twin_is_equal(name: str, reference: Any, tmp_path: Path) -> None:
    twin = traced(tmp_path / "twin.npz", tf2_model(name), batches(name))
    found = compare(reference(name), twin)
    assert (found.outcome, found.bitwise, found.steps) == (EQUAL, True, STEPS)


# ---- the mistakes -----------------------------------------------------------------------------


class OtherEpsilon(cnn.CNN):
    def create_optimizer(self) -> None:
        self.optimizer = TF1Adam(self.config.learning_rate, epsilon=1e-7)
        self.apply_gradients = self.optimizer.apply_gradients
        self.optimizer.build(list(self.parameters.values()))


class OtherBeta2(relu_regression.ReluRegression):
    def create_optimizer(self) -> None:
        self.optimizer = TF1Adam(self.config.learning_rate, beta2=0.99)
        self.optimizer.build(list(self.parameters.values()))


class OtherBeta2InKernel(relu_regression.ReluRegression):
    def create_optimizer(self) -> None:
        super().create_optimizer()
        self.optimizer.beta2 = 0.99  # after the slots have started from the right one


class MeanLoss(softmax_regression.SoftmaxRegression):
    def loss(self, logits: Any, labels: Any) -> Any:
        return super().loss(logits, labels) / tf.cast(tf.shape(logits)[0], tf.float32)


class SmoothedLabels(softmax_regression.SoftmaxRegression):
    def loss(self, logits: Any, labels: Any) -> Any:
        return super().loss(logits, 0.9 * labels + 0.01)


class BiasesWithoutGradient(softmax_regression.SoftmaxRegression):
    def differentiate(self, images: Any, labels: Any) -> Any:
        loss, (of_weights, of_biases) = super().differentiate(images, labels)
        return loss, [of_weights, tf.zeros_like(of_biases)]


class Float64Loss(linear_regression.LinearRegression):
    def loss(self, predictions: Any, targets: Any) -> Any:
        squares = tf.cast(tf.square(predictions - targets), tf.float64)
        return tf.cast(tf.reduce_mean(squares), tf.float32)


class TransposedKernels(cnn.CNN):
    def convolve(self, values: Any, weights: Any) -> Any:
        return super().convolve(values, tf.transpose(weights, [1, 0, 2, 3]))


class TransposedInitialKernels(cnn.CNN):
    def parameter(self, name: str, initial_value: np.ndarray) -> Any:
        if name == "conv2_weights":
            initial_value = initial_value.transpose(1, 0, 2, 3)
        return super().parameter(name, initial_value)


class ZeroBiases(cnn.CNN):
    def biases(self, name: str, shape: list[int]) -> Any:
        return self.parameter(name, np.zeros(shape, np.float32))


class ValidPadding(cnn.CNN):
    def convolve(self, values: Any, weights: Any) -> Any:
        inner = tf.nn.conv2d(values, weights, strides=1, padding="VALID")
        # Without the border that VALID leaves out, the dense layer would not fit at all.
        return tf.pad(inner, [[0, 0], [2, 2], [2, 2], [0, 0]])


class AveragePool(cnn.CNN):
    def pool(self, values: Any) -> Any:
        return tf.nn.avg_pool2d(values, ksize=2, strides=2, padding="SAME")


class DropoutNotRescaled(cnn.CNN):
    def dropout(self, values: Any, keep_probability: Any) -> Any:
        kept = super().dropout(values, keep_probability)
        return kept if keep_probability is None else kept * keep_probability


class StepOffByOne(cnn.CNN):
    def noise(self, shape: Any) -> Any:
        seed = tf.stack([tf.constant(self.config.seed, tf.int64), self.global_step + 1])
        return tf.random.stateless_uniform(shape, seed)


class BiasesAddedByPlus(mlp.MLP):
    def forward(self, images: Any) -> Any:
        hidden, output = self.model.layers
        units = tf.nn.relu(tf.matmul(images, hidden.kernel) + hidden.bias)
        return tf.matmul(units, output.kernel) + output.bias


class KerasInitialValues(mlp.MLP):
    def create_layer(self, name: str, inputs: int, units: int, activation: Any = None) -> Any:
        layer = super().create_layer(name, inputs, units, activation)
        own = tf.keras.initializers.GlorotUniform(seed=self.config.seed)
        layer.kernel.assign(own([inputs, units]))
        return layer


class IdsNotSummed(embeddings.MatrixFactorization):
    """As Keras's Adam treats them: each slice is squared by itself."""

    def create_optimizer(self) -> None:
        self.optimizer = NotSummingAdam(self.config.learning_rate)
        self.optimizer.build(list(self.parameters.values()))


class NotSummingAdam(TF1Adam):
    def apply_gradients(self, gradients_and_variables: Any) -> None:
        for (slices, variable), m, v in zip(gradients_and_variables, self.m, self.v, strict=True):
            self.apply_sparse(slices, variable, m, v)
        self.beta1_power.assign(self.beta1_power * self.beta1)
        self.beta2_power.assign(self.beta2_power * self.beta2)


class IdsAveraged(embeddings.MatrixFactorization):
    def update(self, gradients: Any) -> None:
        super().update([averaged(slices) for slices in gradients])


def averaged(slices: Any) -> Any:
    """The mean of the slices of each id in place of their sum."""
    ids, positions = tf.unique(slices.indices)
    means = tf.math.unsorted_segment_mean(slices.values, positions, tf.size(ids))
    return tf.IndexedSlices(means, ids, slices.dense_shape)


class LastIdWins(embeddings.MatrixFactorization):
    """Slices written into a dense array, where those of an id replace each other."""

    def update(self, gradients: Any) -> None:
        dense = [tf.zeros_like(parameter) for parameter in self.parameters.values()]
        super().update(
            [
                tf.tensor_scatter_nd_update(zeros, each.indices[:, None], each.values)
                for zeros, each in zip(dense, gradients, strict=True)
            ]
        )


class LazyAdam(embeddings.MatrixFactorization):
    """Rows without a gradient in this batch stay, and so do their averages."""

    def create_optimizer(self) -> None:
        self.optimizer = OfUsedRows(self.config.learning_rate)
        self.optimizer.build(list(self.parameters.values()))


class OfUsedRows(TF1Adam):
    def apply_sparse(self, slices: Any, variable: Any, m: Any, v: Any) -> None:
        kept = [(each, tf.identity(each)) for each in (variable, m, v)]
        super().apply_sparse(slices, variable, m, v)
        for each, before in kept:
            rows = tf.gather(each, slices.indices)
            each.assign(tf.tensor_scatter_nd_update(before, slices.indices[:, None], rows))


class LookupOfTheOtherAxis(embeddings.MatrixFactorization):
    def forward(self, users: Any, items: Any) -> Any:
        # Legal as long as ids are fed that happen to be columns: the table holds rows of 8.
        flat = tf.reshape(tf.transpose(self.user_rows), tf.shape(self.user_rows))
        rows, self.user_rows = self.user_rows, flat
        try:
            return super().forward(users, items)
        finally:
            self.user_rows = rows


class ItemBiasForgotten(embeddings.MatrixFactorization):
    def forward(self, users: Any, items: Any) -> Any:
        return super().forward(users, items) - tf.nn.embedding_lookup(self.item_biases, items)


class L2OfWholeTables(embeddings.MatrixFactorization):
    def loss(self, predictions: Any, users: Any, items: Any, ratings: Any) -> Any:
        tables = tf.nn.l2_loss(self.user_rows) + tf.nn.l2_loss(self.item_rows)
        error = tf.reduce_mean(tf.square(predictions - ratings))
        return error + 2 * self.config.l2 * tables / self.config.batch_size


class L2OfEachRowOnce(embeddings.MatrixFactorization):
    """L2 of the distinct rows of a batch; the original counts a row as often as it is used."""

    def loss(self, predictions: Any, users: Any, items: Any, ratings: Any) -> Any:
        rows = [
            tf.nn.embedding_lookup(table, tf.unique(ids)[0])
            for table, ids in ((self.user_rows, users), (self.item_rows, items))
        ]
        squares = tf.add_n([tf.reduce_sum(tf.square(each)) for each in rows])
        error = tf.reduce_mean(tf.square(predictions - ratings))
        return error + self.config.l2 * squares / self.config.batch_size


class GradientsStopAtItems(embeddings.MatrixFactorization):
    """Items looked up in an array: the tape sees no variable."""

    def differentiate(self, *batch: Any) -> Any:
        loss, (users, items, *biases) = super().differentiate(*batch)
        nothing = tf.IndexedSlices(tf.zeros_like(items.values), items.indices, items.dense_shape)
        return loss, [users, nothing, *biases]


Found = tuple[int, str, str]
SOFTMAX_RATE = softmax_regression.Config().learning_rate
TWINS: dict[str, tuple[str, type, dict[str, Any], Found]] = {
    # name: (model, broken class, settings, (step, stage, tensor) of the first difference)
    # Seen where gradients are small; on the line they are so large that no bit changes.
    "epsilon 1e-7": ("cnn", OtherEpsilon, {}, (1, "variable", "conv1_weights")),
    "beta2 0.99": ("relu_regression", OtherBeta2, {}, (0, "initial", "slot/beta2_power")),
    "beta2 0.99 in the kernel only": (
        "relu_regression",
        OtherBeta2InKernel,
        {},
        (1, "slot", "weight/v"),
    ),
    "mean instead of sum": ("softmax_regression", MeanLoss, {}, (1, "loss", "loss")),
    # All logits are 0 at the first step: any labels that add up to 1 give the same loss.
    "label smoothing": ("softmax_regression", SmoothedLabels, {}, (1, "gradient", "weights")),
    "biases without gradient": (
        "softmax_regression",
        BiasesWithoutGradient,
        {},
        (1, "gradient", "biases"),
    ),
    "learning rate 1 % off": (
        "softmax_regression",
        softmax_regression.SoftmaxRegression,
        {"learning_rate": SOFTMAX_RATE * 1.01},
        (1, "variable", "weights"),
    ),
    "biases added by +": ("mlp", BiasesAddedByPlus, {}, (1, "gradient", "hidden_biases")),
    "Keras's own initial values": (
        "mlp",
        KerasInitialValues,
        {},
        (0, "initial", "variable/hidden_weights"),
    ),
    "kernels transposed": ("cnn", TransposedKernels, {}, (1, "logits", "logits")),
    "initial kernels transposed": (
        "cnn",
        TransposedInitialKernels,
        {},
        (0, "initial", "variable/conv2_weights"),
    ),
    "initial biases 0": ("cnn", ZeroBiases, {}, (0, "initial", "variable/conv1_biases")),
    "VALID instead of SAME": ("cnn", ValidPadding, {}, (1, "logits", "logits")),
    "average- instead of max-pool": ("cnn", AveragePool, {}, (1, "logits", "logits")),
    # The recorded logits are without dropout, so that its mistakes show in the loss.
    "dropout not rescaled": ("cnn", DropoutNotRescaled, {}, (1, "loss", "loss")),
    "keep and drop swapped": ("cnn", cnn.CNN, {"keep_probability": 0.75}, (1, "loss", "loss")),
    "step counter off by one": ("cnn", StepOffByOne, {}, (1, "loss", "loss")),
    # The same gradient in the trace, for that is summed: what the optimizer makes of it differs,
    # m by a rounding and v by much (test_ids_not_summed_change_v_by_more_than_a_rounding).
    "ids not summed": ("embeddings", IdsNotSummed, {}, (1, "slot", "user_rows/m")),
    "ids averaged": ("embeddings", IdsAveraged, {}, (1, "slot", "user_rows/m")),
    "last id wins": ("embeddings", LastIdWins, {}, (1, "slot", "user_rows/m")),
    # At the first step no other row has anything that could decay.
    "lazy Adam": ("embeddings", LazyAdam, {}, (2, "slot", "user_rows/m")),
    "lookup along the other axis": (
        "embeddings",
        LookupOfTheOtherAxis,
        {},
        (1, "logits", "logits"),
    ),
    # All biases are 0 at the first step; their gradient is not.
    "bias of the item forgotten": (
        "embeddings",
        ItemBiasForgotten,
        {},
        (1, "gradient", "item_biases"),
    ),
    "L2 of whole tables": ("embeddings", L2OfWholeTables, {}, (1, "loss", "loss")),
    "L2 of each row once": ("embeddings", L2OfEachRowOnce, {}, (1, "loss", "loss")),
    "gradients stop at the items": (
        "embeddings",
        GradientsStopAtItems,
        {},
        (1, "gradient", "item_rows"),
    ),
    "seed of the ratings": (
        "embeddings",
        embeddings.MatrixFactorization,
        {"seed": 1},
        (0, "initial", "variable/user_rows"),
    ),
}


@pytest.mark.parametrize(
    "mistake",
    [
        pytest.param(mistake, marks=pytest.mark.slow if name in LARGE else ())
        for mistake, (name, *_) in TWINS.items()
    ],
)
def test_a_broken_twin_is_found_where_it_breaks(
    mistake: str, reference: Any, tmp_path: Path
) -> None:
    name, broken_class, settings, expected = TWINS[mistake]
    model = broken_class(tf2_config(name, **settings))
    found = compare(reference(name), traced(tmp_path / "twin.npz", model, batches(name)))
    assert found.outcome == DIFFERS
    first = found.first_difference
    assert first is not None and (first.step, first.stage, first.tensor) == expected


def test_a_loss_added_up_in_float64_is_found_at_the_first_other_rounding(
    reference: Any, tmp_path: Path
) -> None:
    name = "linear_regression"
    model, exact = Float64Loss(tf2_config(name)), tf1_model(name)
    found = compare(reference(name), traced(tmp_path / "twin.npz", model, batches(name)))
    # Which step that is depends on the processor's order of additions: NumPy says it here.
    expected = 0
    for step, (inputs, targets) in enumerate(zip(*batches(name), strict=True), start=1):
        squares = np.square(exact.predict(inputs) - targets)
        in_float64 = np.float32(squares.mean(dtype=np.float64))
        if in_float64 != exact.train_step(inputs, targets):
            expected = step
            break
    assert found.outcome == DIFFERS
    first = found.first_difference
    assert first is not None
    assert (first.step, first.stage, first.tensor) == (expected, "loss", "loss")


@pytest.mark.parametrize("name", ["relu_regression", "softmax_regression"])
def test_batches_shifted_by_one_cannot_be_compared(
    name: str, reference: Any, tmp_path: Path
) -> None:
    model = tf2_model(name)
    found = compare(reference(name), traced(tmp_path / "twin.npz", model, batches(name, first=1)))
    assert found.outcome == NOT_COMPARABLE
    (reason,) = found.reasons
    assert (reason.code, reason.step, reason.stage, reason.tensor) == ("batch", 1, "batch", "0")


@pytest.mark.parametrize("keeps_slots", [True, False])
def test_slots_not_restored_are_found_before_the_first_step(
    keeps_slots: bool, tmp_path: Path
) -> None:
    name, folders = "relu_regression", {style: str(tmp_path / style) for style in ("tf1", "tf2")}

    def twin() -> Any:
        return relu_regression.ReluRegression(tf2_config(name))

    for style, model in (("tf1", tf1_model(name)), ("tf2", twin())):
        model.train_steps(*batches(name))
        save(model, folders[style])
    resumed, twin_resumed = tf1_model(name), twin()
    restore(resumed, folders["tf1"])
    if keeps_slots:
        restore(twin_resumed, folders["tf2"])
    else:
        without = tf.train.Checkpoint(
            global_step=twin_resumed.global_step, **twin_resumed.parameters
        )
        without.restore(tf.train.latest_checkpoint(folders["tf2"])).expect_partial()
    fed = batches(name, first=STEPS)
    expected = traced(tmp_path / "tf1.npz", resumed, fed)
    found = compare(expected, traced(tmp_path / "tf2.npz", twin_resumed, fed))
    if keeps_slots:
        assert found.outcome == EQUAL
        return
    first = found.first_difference
    assert first is not None
    assert (first.step, first.stage, first.tensor) == (STEPS, "initial", "slot/weight/m")
    assert set(first.also) >= {"slot/weight/v", "slot/bias/m", "slot/beta1_power"}
