"""The recurrent network: NumPy in float64, twins broken by one change, and Keras's own LSTM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from shared.data.batch_order import batch_rows
from shared.data.digits import load_digits
from shared.models import PAIRS
from shared.program.tracing import TracedModel
from shared.tools.compare.result import DIFFERS, EQUAL
from shared.tools.compare.traces import compare
from shared.trace_recorder import Trace, TraceRecorder, read_trace
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


def keras_lstm(kernel: np.ndarray, bias: np.ndarray) -> Any:
    """Returns Keras's LSTM with an LSTMCell's weights: gates reordered, 1 added to f's bias."""
    layer = tf.keras.layers.LSTM(64)
    layer.build([None, 28, 28])
    gates = [np.split(each, 4, axis=-1) for each in (kernel, bias)]
    kernel, bias = (np.concatenate([i, f, j, o], axis=-1) for i, j, f, o in gates)
    bias[64:128] += 1
    layer.set_weights([kernel[:28], kernel[28:], bias])
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
