"""The recurrent network: twins broken by one change, and Keras's own LSTM, also when trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from shared.data.batch_order import batch_rows
from shared.data.digits import load_digits
from shared.models import PAIRS
from shared.program.tracing import TracedModel
from shared.tools.checkpoint_conversion import layouts
from shared.tools.compare.distances import relative_l2
from shared.tools.compare.result import DIFFERS, EQUAL
from shared.tools.compare.traces import compare
from shared.tools.parity.bounds import MARGIN
from shared.trace_recorder import Trace, TraceRecorder, read_trace
from tf1_style import recurrent_network as tf1_recurrent_network
from tf2_style.recurrent_network import Config, RecurrentNetwork

PAIR = PAIRS["recurrent_network"]
# Clipped at a length that the gradients of these steps exceed.
SETTINGS: dict[str, Any] = {"clip_norm": 0.5, "keep_probability": 0.25}


def batches(steps: int = 3) -> tuple[np.ndarray, np.ndarray]:
    digits = load_digits()
    rows = batch_rows(len(digits.train_images), 16, range(steps), seed=0)
    return digits.train_images[rows], digits.train_labels[rows]


def traced(path: Path, model: Any) -> Trace:
    with TraceRecorder(path) as recorder:
        TracedModel(model, recorder).train_steps(*batches())
    return read_trace(path)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    path = tmp_path_factory.mktemp("reference") / "tf1.npz"
    return traced(path, PAIR.create("tf1_style", **SETTINGS))


def twin(cls: type) -> Any:
    return cls(Config(optimizer="tf1", **SETTINGS))


def test_the_unbroken_twin_is_equal(reference: Trace, tmp_path: Path) -> None:
    found = compare(reference, traced(tmp_path / "twin.npz", twin(RecurrentNetwork)))
    assert (found.outcome, found.bitwise, found.steps) == (EQUAL, True, 3)


class MaskForgotten(RecurrentNetwork):
    def read(self, rows: Any, lengths: Any) -> Any:
        return super().read(rows, tf.fill(tf.shape(lengths), 28))


class LengthOneShort(RecurrentNetwork):
    def read(self, rows: Any, lengths: Any) -> Any:
        return super().read(rows, lengths - 1)


class KerasGateOrder(RecurrentNetwork):
    def read_row(self, row: Any, output: Any, cell: Any) -> Any:
        gates = tf.matmul(tf.concat([row, output], 1), self.kernel)
        i, f, j, o = tf.split(tf.nn.bias_add(gates, self.bias), 4, axis=1)
        cell = tf.sigmoid(f + 1.0) * cell + tf.sigmoid(i) * tf.tanh(j)
        return tf.sigmoid(o) * tf.tanh(cell), cell


class ForgetBiasLost(RecurrentNetwork):
    def read_row(self, row: Any, output: Any, cell: Any) -> Any:
        gates = tf.matmul(tf.concat([row, output], 1), self.kernel)
        i, j, f, o = tf.split(tf.nn.bias_add(gates, self.bias), 4, axis=1)
        cell = tf.sigmoid(f) * cell + tf.sigmoid(i) * tf.tanh(j)
        return tf.sigmoid(o) * tf.tanh(cell), cell


class StateBeforeOutput(RecurrentNetwork):
    def read_row(self, row: Any, output: Any, cell: Any) -> Any:
        return super().read_row(row, tf.nn.relu(output), cell)


class NotClipped(RecurrentNetwork):
    def update(self, gradients: Any) -> None:
        self.optimizer.apply_gradients(zip(gradients, self.parameters.values(), strict=True))
        self.global_step.assign_add(1)


class ClippedEachByItself(RecurrentNetwork):
    """As `clipnorm` of a Keras optimizer."""

    def update(self, gradients: Any) -> None:
        clipped = [tf.clip_by_norm(each, self.config.clip_norm) for each in gradients]
        self.optimizer.apply_gradients(zip(clipped, self.parameters.values(), strict=True))
        self.global_step.assign_add(1)


class DropoutOfTheState(RecurrentNetwork):
    def read_row(self, row: Any, output: Any, cell: Any) -> Any:
        return super().read_row(row, self.dropout(output, 0.25), cell)


BROKEN = {
    "mask forgotten": (MaskForgotten, (1, "logits", "logits")),
    "length one short": (LengthOneShort, (1, "logits", "logits")),
    "gates in Keras's order": (KerasGateOrder, (1, "logits", "logits")),
    "forget bias lost": (ForgetBiasLost, (1, "logits", "logits")),
    "a ReLU in the state": (StateBeforeOutput, (1, "logits", "logits")),
    "not clipped": (NotClipped, (1, "slot", "rnn/lstm_cell/kernel/m")),
    "clipped each by itself": (ClippedEachByItself, (1, "slot", "rnn/lstm_cell/kernel/m")),
    "dropout of the state": (DropoutOfTheState, (1, "logits", "logits")),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_recurrent_twin_is_found_where_it_breaks(
    name: str, reference: Trace, tmp_path: Path
) -> None:
    cls, place = BROKEN[name]
    found = compare(reference, traced(tmp_path / "twin.npz", twin(cls)))
    assert found.outcome == DIFFERS
    first = found.first_difference
    assert first is not None and (first.step, first.stage, first.tensor) == place


# What `pairs checkpoint convert` does with the cell: its tensors and their shapes in either style.
CELL = layouts.Recurrent(
    ("rnn/lstm_cell/kernel", "rnn/lstm_cell/bias"), ("kernel", "recurrent_kernel", "bias")
)
TF1_SHAPES, TF2_SHAPES = [(92, 256), (256,)], [(28, 256), (64, 256), (256,)]
STEPS_BETWEEN = CELL.steps(TF1_SHAPES, TF2_SHAPES)


def test_a_mistyped_name_of_the_kernel_raises() -> None:
    class Mistyped(tf1_recurrent_network.RecurrentNetwork):
        def parameter(self, name: str, initial_value: np.ndarray) -> Any:
            return super().parameter(name.replace("kernel", "kernal"), initial_value)

    with pytest.raises(ValueError, match=r"Variable rnn/lstm_cell/kernel does not exist"):
        Mistyped(tf1_recurrent_network.Config())


def keras_lstm(kernel: np.ndarray, bias: np.ndarray) -> Any:
    """Returns Keras's LSTM with an LSTMCell's weights: gates reordered, 1 added to f's bias."""
    layer = tf.keras.layers.LSTM(64)
    layer.build([None, 28, 28])
    layer.set_weights(layouts.to_tf2(STEPS_BETWEEN, [kernel, bias], constants=True))
    return layer


def test_keras_lstm_computes_the_same_once_its_weights_are_in_order() -> None:
    model, images = twin(RecurrentNetwork), batches(1)[0][0]
    random = np.random.RandomState(0)
    model.bias.assign(random.normal(size=256).astype(np.float32))
    rows = tf.reshape(images, [-1, 28, 28])
    lengths = model.lengths(rows)
    assert 20 < int(tf.reduce_min(lengths)) < int(tf.reduce_max(lengths)) < 28  # they do differ
    expected = model.read(rows, lengths)
    mask = tf.sequence_mask(lengths, 28)
    found = keras_lstm(model.kernel.numpy(), model.bias.numpy())(rows, mask=mask)
    # 28 rows, each a sum of 92 products: a rounding each, at random, of numbers up to 1.
    assert float(tf.reduce_max(tf.abs(found - expected))) < (28 * 92) ** 0.5 * 2.0**-24
    as_they_are = tf.keras.layers.LSTM(64)
    as_they_are.build([None, 28, 28])
    kernel = model.kernel.numpy()
    as_they_are.set_weights([kernel[:28], kernel[28:], model.bias.numpy()])
    assert float(tf.reduce_max(tf.abs(as_they_are(rows, mask=mask) - expected))) > 0.1


def test_without_a_mask_keras_reads_the_empty_rows_too() -> None:
    model, images = twin(RecurrentNetwork), batches(1)[0][0]
    rows = tf.reshape(images, [-1, 28, 28])
    layer = keras_lstm(model.kernel.numpy(), model.bias.numpy())
    apart = tf.abs(layer(rows) - model.read(rows, model.lengths(rows)))
    assert float(tf.reduce_max(apart)) > 0.01


# ---- Keras's LSTM in `fit` -------------------------------------------------------------------

STEPS = 30
Curves = dict[str, np.ndarray]  # the losses [STEPS] as "loss", and the variables after them


class KerasNetwork(tf.keras.Model):
    """The pair in layers of Keras, with the pair's lengths as a mask."""

    def __init__(self, model: Any, has_mask: bool = True, forget_bias: float = 1.0) -> None:
        super().__init__()
        self.lengths, self.has_mask = model.lengths, has_mask
        bias = model.bias.numpy()
        bias[2 * 64 : 3 * 64] += forget_bias - 1  # what LSTMCell adds to it comes with the layout
        self.lstm, self.out = keras_lstm(model.kernel.numpy(), bias), tf.keras.layers.Dense(10)
        self.out.build([None, 64])
        self.out.set_weights([model.output_weights.numpy(), model.output_biases.numpy()])

    def call(self, images: Any) -> Any:
        rows = tf.reshape(images, [-1, 28, 28])
        mask = tf.sequence_mask(self.lengths(rows), 28) if self.has_mask else None
        return self.out(self.lstm(rows, mask=mask))

    def variables_of_the_pair(self) -> Curves:
        shapes = layouts.shapes_between(CELL, TF1_SHAPES, TF2_SHAPES, "Keras's LSTM")
        weights = self.lstm.get_weights()
        cell = layouts.to_tf1(STEPS_BETWEEN, shapes, weights, constants=True)
        names = (*CELL.tf1, "output_weights", "output_biases")
        return dict(zip(names, [*cell, *self.out.get_weights()], strict=True))


def pair_without_dropout() -> Any:
    settings = {**SETTINGS, "keep_probability": 1.0}
    return PAIR.create("tf2_style", "keras", **settings)


def trained(model: Any, after_a_step: Callable[[Any], None] = lambda model: None) -> Curves:
    losses = []
    for batch in zip(*batches(STEPS), strict=True):
        losses.append(float(model.train_step(*batch)))
        after_a_step(model)
    return {"loss": np.array(losses), **model.variables()}


def fitted(network: KerasNetwork, clipping: str = "global_clipnorm") -> Curves:
    """Trains by `fit`, an epoch for each batch, so that it tells the loss of each."""
    config = pair_without_dropout().config
    network.compile(
        tf.keras.optimizers.Adam(
            config.learning_rate, epsilon=1e-8, **{clipping: config.clip_norm}
        ),
        tf.keras.losses.CategoricalCrossentropy(from_logits=True),
        jit_compile=False,  # XLA adds in another order, and takes longer to compile than to train
    )
    losses = [
        network.fit(images, labels, batch_size=len(images), verbose=0).history["loss"][0]
        for images, labels in zip(*batches(STEPS), strict=True)
    ]
    return {"loss": np.array(losses), **network.variables_of_the_pair()}


def one_rounding(model: Any) -> None:
    """Moves every weight to the next float32, up or down at random."""
    random = np.random.RandomState(0)
    for variable in model.parameters.values():
        value = variable.numpy()
        towards = np.where(random.rand(*value.shape) < 0.5, -np.inf, np.inf)
        variable.assign(np.nextafter(value, towards.astype(np.float32)))


def round_as_keras(model: Any) -> None:
    """Leaves of the forget bias what a bias that holds the 1 as well can tell apart."""
    bias = model.bias.numpy()
    forget = bias[2 * 64 : 3 * 64]
    bias[2 * 64 : 3 * 64] = (forget + np.float32(1)) - np.float32(1)
    model.bias.assign(bias)


def distances(a: Curves, b: Curves) -> dict[str, float]:
    return {name: relative_l2(a[name], b[name]) for name in a}


@pytest.fixture(scope="module")
def exact_and_limits() -> tuple[Curves, dict[str, float]]:
    """The pair, trained, and how far roundings like Keras's may take each of its curves.

    Keras multiplies rows and state apart, and has the 1 in the forget bias. So the pair is trained
    with every initial weight moved to its neighbour, and with the forget bias rounded so after each
    step. An order of magnitude above is room for other processors, as in the matrix of parity.
    """
    exact, moved = trained(pair_without_dropout()), pair_without_dropout()
    one_rounding(moved)
    drifts = [
        distances(exact, trained(moved)),
        distances(exact, trained(pair_without_dropout(), round_as_keras)),
    ]
    return exact, {name: MARGIN * max(drift[name] for drift in drifts) for name in exact}


@pytest.mark.slow
def test_fit_trains_keras_lstm_as_the_pair_trains_its_own(
    exact_and_limits: tuple[Curves, dict[str, float]],
) -> None:
    exact, limits = exact_and_limits
    found = distances(exact, fitted(KerasNetwork(pair_without_dropout())))
    assert exact["loss"][-1] < 0.9 * exact["loss"][0] and 0 < max(limits.values()) < 1e-3
    assert all(found[name] < limits[name] for name in limits), (found, limits)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "clipping"),
    [
        ({"has_mask": False}, "global_clipnorm"),
        ({"forget_bias": 0.0}, "global_clipnorm"),
        ({}, "clipnorm"),  # cuts each gradient off by itself
    ],
    ids=["no mask", "forget bias lost", "clipped one by one"],
)
def test_a_broken_network_of_keras_is_beyond_the_limit(
    settings: Any, clipping: str, exact_and_limits: tuple[Curves, dict[str, float]]
) -> None:
    exact, limits = exact_and_limits
    broken = fitted(KerasNetwork(pair_without_dropout(), **settings), clipping)
    found = distances(exact, broken)
    assert found["loss"] > 10 * limits["loss"], (found, limits)
