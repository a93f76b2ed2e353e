"""Ports to TensorFlow 2 of the models in tests/files/conversion/tf1_models.py, written as users do.

Each function makes a fresh port with Keras's layers and optimizers, with the settings that the
notes of a conversion name (epsilon), and knows nothing of checkpoints of TensorFlow 1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

K = tf.keras
L = K.layers
Data = Mapping[str, np.ndarray]
PORTS: dict[str, Callable[[Data], Port]] = {}


@dataclasses.dataclass(eq=False)  # a tf.function of it needs a hash
class Port:
    """A model with its optimizer.

    Attributes:
        outputs: computes the outputs.
        optimizers: each optimizer, with the variables that it trains.
        objects: what the program saves.
        targets: what the outputs are trained to be.
        rate: the learning rate that momentum is scaled with, where there is one.
        objective: computes the loss; None for the mean squared error.
    """

    outputs: Callable[[], Any]
    optimizers: list[tuple[Any, list[Any]]]
    objects: dict[str, Any]
    targets: np.ndarray
    rate: float | None = None
    objective: Callable[[], Any] | None = None

    def __post_init__(self) -> None:
        self.step = tf.Variable(0, dtype=tf.int64)
        self.checkpoint = tf.train.Checkpoint(**self.objects, global_step=self.step)
        for optimizer, variables in self.optimizers:
            optimizer.build(variables)

    def loss(self) -> Any:
        """Returns the loss, a float scalar."""
        if self.objective is not None:
            return self.objective()
        return tf.reduce_mean(tf.square(self.outputs() - self.targets))

    @tf.function
    def train(self) -> None:
        """Makes one update."""
        with tf.GradientTape(persistent=True) as tape:
            loss = self.loss()
        gradients = [tape.gradient(loss, variables) for _, variables in self.optimizers]
        for (optimizer, variables), found in zip(self.optimizers, gradients, strict=True):
            optimizer.apply_gradients(zip(found, variables, strict=True))
        self.step.assign_add(1)


def port(*names: str) -> Callable:
    """Adds a function that makes the ports of these cases."""

    def add(function: Callable[..., Port]) -> Callable[..., Port]:
        for name in names or (function.__name__,):
            PORTS[name] = function
        return function

    return add


def adam(rate: float = 0.01, **more: Any) -> Any:
    """Returns an Adam with TF1's epsilon."""
    return K.optimizers.Adam(rate, epsilon=1e-8, **more)


def trained(
    model: Any, data: Data, inputs: str = "x", optimizer: Any = None, rate: float | None = None
) -> Port:
    """Returns the port of a model that is trained as a whole."""
    optimizer = optimizer or adam()
    outputs = lambda: model(data[inputs], training=True)  # noqa: E731
    model(data[inputs])
    return Port(
        outputs,
        [(optimizer, model.trainable_variables)],
        {"model": model, "optimizer": optimizer},
        data["y"].astype(model.dtype if isinstance(model, K.Model) else "f"),
        rate,
    )


def chain(data: Data, inputs: str, *layers: Any) -> Any:
    """Returns a sequential model."""
    return K.Sequential([K.Input(data[inputs].shape[1:]), *layers])


def two_layers(data: Data, **options: Any) -> Any:
    """Returns a model of two dense layers."""
    hidden = L.Dense(4, "relu", name="hidden", **options)
    return chain(data, "x", hidden, L.Dense(2, name="out"))


_OPTIMIZERS: dict[str, tuple[Callable[[], Any], float | None]] = {
    "adam": (adam, None),
    "sgd": (lambda: K.optimizers.SGD(0.1), None),
    "momentum": (lambda: K.optimizers.SGD(0.1, momentum=0.9), 0.1),
    "nesterov": (lambda: K.optimizers.SGD(0.1, momentum=0.9, nesterov=True), 0.1),
    "rmsprop": (lambda: K.optimizers.RMSprop(0.01, momentum=0.5, epsilon=1e-10), None),
    "rmsprop_centered": (
        lambda: K.optimizers.RMSprop(0.01, momentum=0.5, epsilon=1e-10, centered=True),
        None,
    ),
    "adagrad": (lambda: K.optimizers.Adagrad(0.1, epsilon=0.0), None),
    "adadelta": (lambda: K.optimizers.Adadelta(1.0, rho=0.95, epsilon=1e-6), None),
    "ftrl": (lambda: K.optimizers.Ftrl(0.1), None),
    "proximal_adagrad": (lambda: K.optimizers.Adagrad(0.1, epsilon=0.0), None),
    "adamax": (lambda: K.optimizers.Adamax(0.01, epsilon=1e-8), None),
    "adam_named": (adam, None),
    "momentum_named": (lambda: K.optimizers.SGD(0.1, momentum=0.9), 0.1),
    "adam_in_a_scope": (adam, None),
    "adam_betas": (lambda: adam(beta_1=0.5, beta_2=0.98), None),
    "adam_int32_step": (adam, None),
    "averages": (lambda: K.optimizers.SGD(0.1), None),
    "v1_format": (adam, None),
    "sharded": (adam, None),
    "without_a_step": (adam, None),
}
for _name, (_optimizer, _rate) in _OPTIMIZERS.items():
    PORTS[_name] = lambda data, make=_optimizer, rate=_rate: trained(  # type: ignore[misc]
        two_layers(data), data, optimizer=make(), rate=rate
    )


class BertAdam(tf.Module):
    """The optimizer of BERT's public code: no correction of bias, weight decay inside."""

    def build(self, variables: list[Any]) -> None:
        """Makes the moments of the variables."""
        self.m = [tf.Variable(tf.zeros_like(v), trainable=False) for v in variables]
        self.v = [tf.Variable(tf.zeros_like(v), trainable=False) for v in variables]

    def apply_gradients(self, pairs: Any) -> None:
        """Makes one update."""
        for (gradient, variable), m, v in zip(pairs, self.m, self.v, strict=True):
            m.assign(0.9 * m + 0.1 * gradient)
            v.assign(0.999 * v + 0.001 * gradient * gradient)
            change = m / (tf.sqrt(v) + 1e-6) + 0.01 * variable
            variable.assign_sub(0.01 * change)


@port()
def bert_adam(data: Data) -> Port:
    return trained(two_layers(data), data, optimizer=BertAdam())


@port()
def two_adams(data: Data) -> Port:
    g, d = (chain(data, "x", L.Dense(3, name="fc")) for _ in "gd")
    optimizers = [(adam(0.02, beta_1=0.5), g), (adam(0.01, beta_1=0.5), d)]
    return Port(
        lambda: d(g(data["x"]))[:, :2],
        [(optimizer, model.trainable_variables) for optimizer, model in optimizers],
        {"g": g, "d": d, "g_optimizer": optimizers[0][0], "d_optimizer": optimizers[1][0]},
        data["y"],
    )


# Recurrent cells.


def recurrent(data: Data, *layers: Any, optimizer: Any = None, rate: float | None = None) -> Port:
    """Returns the port of recurrent layers with a dense one behind."""
    model = chain(data, "sequences", *layers, L.Dense(2, name="out"))
    return trained(model, data, "sequences", optimizer, rate)


@port()
def basic_rnn(data: Data) -> Port:
    return recurrent(data, L.SimpleRNN(4))


@port("basic_lstm", "lstm", "lstm_static", "lstm_block", "cudnn_lstm", "keras_lstm_by_saver")
def lstm(data: Data) -> Port:
    return recurrent(data, L.LSTM(4, name="lstm"))


@port()
def lstm_momentum(data: Data) -> Port:
    return recurrent(data, L.LSTM(4), optimizer=K.optimizers.SGD(0.1, momentum=0.9), rate=0.1)


class Peepholes(L.Layer):  # type: ignore[name-defined]
    """An LSTM with peepholes, whose weights are called as in `PeepholeLSTMCell` of Keras 2."""

    def build(self, shape: Any) -> None:
        """Makes the weights."""
        self.kernel = self.add_weight(shape=(shape[-1], 16), name="kernel")
        self.recurrent_kernel = self.add_weight(shape=(4, 16), name="recurrent_kernel")
        self.bias = self.add_weight(shape=(16,), name="bias")
        self.input_gate_peephole_weights = self.add_weight(shape=(4,), name="i")
        self.forget_gate_peephole_weights = self.add_weight(shape=(4,), name="f")
        self.output_gate_peephole_weights = self.add_weight(shape=(4,), name="o")

    def call(self, inputs: Any) -> Any:
        """Returns the last output."""
        h = c = tf.zeros([inputs.shape[0], 4])
        for x in tf.unstack(inputs, axis=1):
            z = x @ self.kernel + h @ self.recurrent_kernel + self.bias
            i, f, j, o = tf.split(z, 4, axis=-1)
            i = tf.sigmoid(i + self.input_gate_peephole_weights * c)
            f = tf.sigmoid(f + self.forget_gate_peephole_weights * c)
            c = f * c + i * tf.tanh(j)
            h = tf.sigmoid(o + self.output_gate_peephole_weights * c) * tf.tanh(c)
        return h


class Projection(L.Layer):  # type: ignore[name-defined]
    """An LSTM with a projection of its output."""

    def build(self, shape: Any) -> None:
        """Makes the weights."""
        self.kernel = self.add_weight(shape=(shape[-1], 16), name="kernel")
        self.recurrent_kernel = self.add_weight(shape=(2, 16), name="recurrent_kernel")
        self.bias = self.add_weight(shape=(16,), name="bias")
        self.projection_kernel = self.add_weight(shape=(4, 2), name="projection_kernel")

    def call(self, inputs: Any) -> Any:
        """Returns the last output."""
        h, c = tf.zeros([inputs.shape[0], 2]), tf.zeros([inputs.shape[0], 4])
        for x in tf.unstack(inputs, axis=1):
            z = x @ self.kernel + h @ self.recurrent_kernel + self.bias
            i, f, j, o = tf.split(z, 4, axis=-1)
            c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(j)
            h = (tf.sigmoid(o) * tf.tanh(c)) @ self.projection_kernel
        return h


def by_hand(data: Data, layer: Any) -> Port:
    """Returns the port of a layer that runs eagerly in a subclassed way, and a dense one."""
    out = L.Dense(2, name="out")
    layer.build(data["sequences"].shape)
    out.build((None, 2 if isinstance(layer, Projection) else 4))
    optimizer = adam()
    return Port(
        lambda: out(layer.call(tf.constant(data["sequences"]))),
        [(optimizer, [*layer.trainable_variables, *out.trainable_variables])],
        {"rnn": layer, "out": out, "optimizer": optimizer},
        data["y"],
    )


@port()
def lstm_peepholes(data: Data) -> Port:
    return by_hand(data, Peepholes())


@port()
def lstm_projection(data: Data) -> Port:
    return by_hand(data, Projection())


@port()
def gru(data: Data) -> Port:
    return recurrent(data, L.GRU(4, reset_after=False))


@port()
def cudnn_gru(data: Data) -> Port:
    return recurrent(data, L.GRU(4), optimizer=K.optimizers.SGD(0.1))


@port()
def lstm_stack(data: Data) -> Port:
    return recurrent(data, *(L.LSTM(3, return_sequences=k < 2) for k in range(3)))


@port()
def gru_stack(data: Data) -> Port:
    layers = (L.GRU(3, reset_after=False, return_sequences=k < 1) for k in range(2))
    return recurrent(data, *layers)


@port()
def lstm_stacked_cells(data: Data) -> Port:
    return recurrent(data, L.RNN(L.StackedRNNCells([L.LSTMCell(3) for _ in range(2)])))


@port()
def bidirectional_lstm(data: Data) -> Port:
    return recurrent(data, L.Bidirectional(L.LSTM(4)))


@port()
def encoder_decoder(data: Data) -> Port:
    decoder = L.LSTM(3, name="decoder")
    return recurrent(data, L.LSTM(3, return_sequences=True, name="encoder"), decoder)


# Convolutions, normalization, embeddings.


def pictures(data: Data, layer: Any, *more: Any) -> Port:
    """Returns the port of a convolution with a dense layer behind."""
    model = chain(data, "pictures", layer, *more, L.Flatten(), L.Dense(2, name="out"))
    return trained(model, data, "pictures")


@port()
def convolution(data: Data) -> Port:
    return pictures(data, L.Conv2D(3, 3, activation="relu", name="conv"))


@port()
def channels_first(data: Data) -> Port:
    return pictures(data, L.Conv2D(3, 3, name="conv"))


@port()
def transposed_convolution(data: Data) -> Port:
    return pictures(data, L.Conv2DTranspose(3, 3, name="deconv"))


@port()
def separable_convolution(data: Data) -> Port:
    return pictures(data, L.SeparableConv2D(3, 3, depth_multiplier=2, name="separable"))


@port()
def slim_separable_convolution(data: Data) -> Port:
    layer = L.SeparableConv2D(3, 3, depth_multiplier=2, padding="same", name="separable")
    return pictures(data, layer)


@port()
def convolution_1d(data: Data) -> Port:
    out = L.Dense(2, name="out")
    last = L.Lambda(lambda x: x[:, -1])
    model = chain(data, "sequences", L.Conv1D(4, 2, name="conv"), last, out)
    return trained(model, data, "sequences")


def normalized(data: Data, activation: Any = None, **options: Any) -> Port:
    """Returns the port of a dense layer with batch normalization."""
    norm = L.BatchNormalization(momentum=0.9, name="norm", **options)
    hidden = [L.Dense(4, use_bias=False, name="hidden"), norm]
    more = [L.Activation(activation)] if activation else []
    return trained(chain(data, "x", *hidden, *more, L.Dense(2, name="out")), data)


@port()
def batch_norm(data: Data) -> Port:
    return normalized(data)


@port()
def batch_norm_without_gamma(data: Data) -> Port:
    return normalized(data, scale=False)


@port("slim_batch_norm", "slim_batch_norm_zero_debias")
def slim_batch_norm(data: Data) -> Port:
    return normalized(data, "relu", scale=False)


@port()
def layer_norm(data: Data) -> Port:
    # contrib's layer_norm adds 1e-12 to the variance.
    norm = L.LayerNormalization(epsilon=1e-12, name="norm")
    return trained(chain(data, "x", L.Dense(4, name="hidden"), norm, L.Dense(2, name="out")), data)


@port("embedding", "partitioned_mod", "partitioned_div")
def embedding(data: Data) -> Port:
    table = tf.Variable(tf.zeros([9, 2]), name="table")
    optimizer = K.optimizers.Adagrad(0.1, epsilon=0.0)
    return Port(
        lambda: tf.gather(table, data["ids"]),
        [(optimizer, [table])],
        {"table": table, "optimizer": optimizer},
        data["y"],
    )


# Programs and files.


@port()
def slim_names(data: Data) -> Port:
    return trained(chain(data, "x", L.Dense(4, "relu", name="fc1"), L.Dense(2, name="fc2")), data)


@port()
def automatic_names(data: Data) -> Port:
    return trained(chain(data, "x", L.Dense(3, "relu"), L.Dense(3, "relu"), L.Dense(2)), data)


@port()
def raw_variables(data: Data) -> Port:
    shapes = {"w1": [3, 4], "b1": [4], "w2": [4, 2], "b2": [2]}
    v = {name: tf.Variable(tf.zeros(shape), name=name) for name, shape in shapes.items()}
    optimizer = adam()
    return Port(
        lambda: tf.nn.relu(data["x"] @ v["w1"] + v["b1"]) @ v["w2"] + v["b2"],
        [(optimizer, list(v.values()))],
        {**v, "optimizer": optimizer},
        data["y"],
    )


@port()
def deep_residual(data: Data) -> Port:
    first, *blocks = [L.Dense(4, name="in")] + [L.Dense(4, "relu") for _ in range(6)]
    out = L.Dense(2, name="out")
    optimizer = K.optimizers.SGD(0.01, momentum=0.9)

    def outputs() -> Any:
        x = first(data["x"])
        for block in blocks:
            x += block(x)
        return out(x)

    outputs()
    layers = [first, *blocks, out]
    variables = [v for layer in layers for v in layer.trainable_variables]
    objects = {"first": first, "blocks": blocks, "out": out, "optimizer": optimizer}
    return Port(outputs, [(optimizer, variables)], objects, data["y"], 0.01)


@port()
def float64(data: Data) -> Port:
    layers = [L.Dense(4, "relu", name="hidden", dtype="float64")]
    model = K.Sequential(
        [K.Input([3], dtype="float64"), *layers, L.Dense(2, name="out", dtype="float64")]
    )
    wide = {name: data[name].astype("d") for name in ("x", "y")}
    optimizer = K.optimizers.SGD(0.1)
    return Port(
        lambda: model(wide["x"]),
        [(optimizer, model.trainable_variables)],
        {"model": model, "optimizer": optimizer},
        wide["y"],
    )


@port()
def frozen_layer(data: Data) -> Port:
    return trained(two_layers(data, trainable=False), data)
