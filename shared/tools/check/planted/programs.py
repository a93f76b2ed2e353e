"""Small programs in both styles, each with mistakes that ports make, one at a time.

The old side is TensorFlow 1's way under tf.compat.v1, with its optimizers; the new side a tape and
Keras's optimizers. Both are as short as the mistakes need.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from shared.tools.check.planted.running import Arrays, Program, Side

v1 = tf.compat.v1
keras: Any = tf.keras
_BATCH = 16


class Planted(NamedTuple):
    """A mistake in a port: where it must be found first, and a text that a right hint holds.

    `step`, `stage` and `tensors` (any of them) are where its numbers first differ. `hint` is None
    where no hint is expected; then any hint is wrong.
    """

    program: str
    mistake: str
    step: int
    stage: str
    tensors: tuple[str, ...]
    hint: str | None


def _normal(seed: int, *shape: int, scale: float = 0.5) -> np.ndarray:
    return np.random.RandomState(seed).normal(0, scale, shape).astype(np.float32)


def _zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def _classes(step: int) -> Arrays:
    rng = np.random.RandomState(100 + step)
    x = rng.normal(size=(_BATCH, 6)).astype(np.float32)
    return {"x": x, "y": np.eye(4, dtype=np.float32)[rng.randint(0, 4, _BATCH)]}


def _cross_entropy(y: Any, logits: Any) -> Any:
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=logits))


# ---- a perceptron with Adam and L2 ------------------------------------------------------------

_MLP = {"w1": _normal(1, 6, 8), "b1": _zeros(8), "w2": _normal(2, 8, 4), "b2": _zeros(4)}


def _mlp_old(x: Mapping, v: Mapping) -> Side:
    hidden = tf.nn.relu(tf.matmul(x["x"], v["w1"]) + v["b1"])
    logits = tf.matmul(hidden, v["w2"]) + v["b2"]
    decay = 0.02 * (tf.nn.l2_loss(v["w1"]) + tf.nn.l2_loss(v["w2"]))
    return Side(logits, [(_cross_entropy(x["y"], logits) + decay, list(_MLP))], {})


def _labels_of(y: Any, mistake: str) -> Any:
    if mistake == "labels of the row before":
        return tf.roll(y, 1, axis=0)
    if mistake == "labels reversed":
        return y[::-1]
    if mistake == "labels shuffled":
        return tf.gather(y, np.random.RandomState(9).permutation(_BATCH))
    return y[:, ::-1] if mistake == "classes exchanged" else y


def _mlp_new(x: Mapping, v: Mapping, mistake: str) -> Side:
    before = tf.matmul(x["x"], v["w1"])
    before += tf.stop_gradient(v["b1"]) if mistake == "bias left out of training" else v["b1"]
    hidden = keras.activations.relu(before)
    logits = tf.matmul(hidden, v["w2"]) + v["b2"]
    loss = _cross_entropy(_labels_of(x["y"], mistake), logits)
    if mistake == "sum beside L2":
        loss *= float(_BATCH)
    if mistake == "from_logits forgotten":
        loss = tf.reduce_mean(keras.losses.categorical_crossentropy(x["y"], logits))
    if mistake == "softmax twice":
        loss = _cross_entropy(x["y"], tf.nn.softmax(logits))
    factors = {"L2 left out": 0.0, "L2 not halved": 0.02, "L2 halved again": 0.005}
    loss += factors.get(mistake, 0.01) * (tf.reduce_sum(v["w1"] ** 2) + tf.reduce_sum(v["w2"] ** 2))
    loss *= {"sum instead of mean": float(_BATCH), "loss weighted": 1.5}.get(mistake, 1.0)
    return Side(logits, [(loss, list(_MLP))], {})


def _adam_new(mistake: str) -> Any:
    settings = {"learning_rate": 0.01, "epsilon": 1e-8}
    settings |= {
        "Keras's epsilon": {"epsilon": 1e-7},
        "a larger epsilon": {"epsilon": 1e-5},
        "beta2 0.99": {"beta_2": 0.99},
        "beta1 0.5": {"beta_1": 0.5},
        "learning rate": {"learning_rate": 0.02},
        "decoupled weight decay": {"weight_decay": 0.05},
    }.get(mistake, {})
    return keras.optimizers.Adam(**settings)


_ADAM_OLD, _ADAM_NEW = {"m": "m", "v": "v"}, {"_momentums": "m", "_velocities": "v"}
MLP = Program(
    "perceptron, Adam, L2",
    _MLP,
    _classes,
    _mlp_old,
    lambda step: v1.train.AdamOptimizer(0.01),
    _mlp_new,
    _adam_new,
    old_slots=_ADAM_OLD,
    new_slots=_ADAM_NEW,
)


# ---- regression with gradient descent, clipping and a schedule -------------------------------


def _numbers(step: int) -> Arrays:
    rng = np.random.RandomState(200 + step)
    x = rng.normal(size=(_BATCH, 6)).astype(np.float32)
    return {"x": x, "y": (x[:, :2] * 3 + 1).astype(np.float32)}


_REGRESSION = {"w1": _normal(3, 6, 8), "b1": _zeros(8), "w2": _normal(4, 8, 2), "b2": _zeros(2)}


def _regression_old(x: Mapping, v: Mapping) -> Side:
    hidden = tf.tanh(tf.matmul(x["x"], v["w1"]) + v["b1"])
    output = tf.matmul(hidden, v["w2"]) + v["b2"]
    return Side(output, [(tf.nn.l2_loss(output - x["y"]) / _BATCH, list(_REGRESSION))], {})


def _regression_new(x: Mapping, v: Mapping, mistake: str) -> Side:
    activation = tf.nn.sigmoid if mistake == "sigmoid for tanh" else tf.tanh
    output = tf.matmul(activation(tf.matmul(x["x"], v["w1"]) + v["b1"]), v["w2"]) + v["b2"]
    loss = tf.reduce_sum((output - x["y"]) ** 2) / 2 / _BATCH
    if mistake == "squares not halved":
        loss = tf.reduce_sum((output - x["y"]) ** 2) / _BATCH
    if mistake == "absolute differences":
        loss = tf.reduce_mean(tf.abs(output - x["y"]))
    return Side(output, [(loss, list(_REGRESSION))], {})


class _Halving(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, ahead: int) -> None:
        self.ahead = ahead

    def __call__(self, step: Any) -> Any:
        return 0.1 * 0.5 ** tf.cast(step + self.ahead, tf.float32)


def _descent_new(mistake: str) -> Any:
    ahead = {"schedule one step ahead": 1}.get(mistake, 0)
    return keras.optimizers.SGD(0.1 if mistake == "schedule frozen" else _Halving(ahead))


SCHEDULE = Program(
    "regression, schedule",
    _REGRESSION,
    _numbers,
    _regression_old,
    lambda step: v1.train.GradientDescentOptimizer(v1.train.exponential_decay(0.1, step, 1, 0.5)),
    _regression_new,
    _descent_new,
)


def _clip_new(gradients: list, mistake: str) -> list:
    if mistake == "clipping left out":
        return gradients
    if mistake == "each tensor clipped":
        return [tf.clip_by_norm(g, 0.5) for g in gradients]
    if mistake == "each element clipped":
        return [tf.clip_by_value(g, -0.5, 0.5) for g in gradients]
    if mistake == "another norm":
        return tf.clip_by_global_norm(gradients, 1.0)[0]
    return tf.clip_by_global_norm(gradients, 0.5)[0]


CLIPPING = Program(
    "regression, clipping",
    _REGRESSION,
    _numbers,
    _regression_old,
    lambda step: v1.train.GradientDescentOptimizer(0.05),
    _regression_new,
    lambda mistake: keras.optimizers.SGD(0.05),
    old_clip=lambda gradients: tf.clip_by_global_norm(gradients, 0.5)[0],
    new_clip=_clip_new,
)


def _momentum_new(mistake: str) -> Any:
    momentum = 0.8 if mistake == "momentum 0.8" else 0.9
    rate = 0.1 if mistake == "learning rate" else 0.05
    return keras.optimizers.SGD(rate, momentum=momentum, nesterov=mistake == "Nesterov")


def _replicas(gradients: list, mistake: str) -> list:
    return [2 * g for g in gradients] if mistake == "replicas added up" else gradients


MOMENTUM = Program(
    "regression, momentum",
    _REGRESSION,
    _numbers,
    _regression_old,
    lambda step: v1.train.MomentumOptimizer(0.05, 0.9),
    _regression_new,
    _momentum_new,
    old_slots={"momentum": "momentum"},
    new_slots={"momentums": "momentum"},
    new_clip=_replicas,
)


class _RMSprop(keras.optimizers.RMSprop):
    """Keras's, from TensorFlow 1's start: ones."""

    def build(self, variables: Any) -> None:
        super().build(variables)
        for velocity in self._velocities:
            velocity.assign(tf.ones_like(velocity))


def _rms_new(mistake: str) -> Any:
    kind = keras.optimizers.RMSprop if mistake == "slot starts from zero" else _RMSprop
    return kind(0.01, rho=0.99 if mistake == "decay 0.99" else 0.9, epsilon=1e-10)


# ---- batch normalization ----------------------------------------------------------------------

_NORMAL = {
    "dense/kernel": _normal(5, 6, 8),
    "dense/bias": _zeros(8),
    "bn/gamma": np.ones(8, np.float32),
    "bn/beta": _zeros(8),
    "bn/moving_mean": _zeros(8),
    "bn/moving_variance": np.ones(8, np.float32),
    "out/kernel": _normal(6, 8, 4),
}
_AVERAGES = ("bn/moving_mean", "bn/moving_variance")
_TRAINED = [name for name in _NORMAL if name not in _AVERAGES]


def _norm_old(x: Mapping, v: Mapping) -> Side:
    hidden = tf.matmul(x["x"], v["dense/kernel"]) + v["dense/bias"]
    mean, variance = tf.nn.moments(hidden, [0])
    normal = tf.nn.batch_normalization(hidden, mean, variance, v["bn/beta"], v["bn/gamma"], 1e-3)
    logits = tf.matmul(tf.nn.relu(normal), v["out/kernel"])
    averages = {
        name: v[name] * 0.9 + new * (1 - 0.9)
        for name, new in zip(_AVERAGES, (mean, variance), strict=True)
    }
    return Side(logits, [(_cross_entropy(x["y"], logits), _TRAINED)], averages)


def _norm_new(x: Mapping, v: Mapping, mistake: str) -> Side:
    hidden = tf.matmul(x["x"], v["dense/kernel"]) + v["dense/bias"]
    mean, variance = tf.nn.moments(hidden, [0])
    used = (mean, variance)
    if mistake == "averages used in training":
        used = (v["bn/moving_mean"], v["bn/moving_variance"])
    epsilon = 1e-5 if mistake == "BN epsilon" else 1e-3
    normal = tf.nn.batch_normalization(hidden, *used, v["bn/beta"], v["bn/gamma"], epsilon)
    logits = tf.matmul(tf.nn.relu(normal), v["out/kernel"])
    decay = {"BN momentum 0.1": 0.1, "BN momentum 0.99": 0.99}.get(mistake, 0.9)
    if mistake == "unbiased variance":
        variance = variance * _BATCH / (_BATCH - 1)
    averages = {
        name: v[name] * decay + new * (1 - decay)
        for name, new in zip(_AVERAGES, (mean, variance), strict=True)
    }
    averages = {} if mistake == "updates not run" else averages
    return Side(logits, [(_cross_entropy(x["y"], logits), _TRAINED)], averages)


NORM = Program(
    "batch normalization, Adam",
    _NORMAL,
    _classes,
    _norm_old,
    lambda step: v1.train.AdamOptimizer(0.01),
    _norm_new,
    _adam_new,
    averages=_AVERAGES,
    old_slots=_ADAM_OLD,
    new_slots=_ADAM_NEW,
)


# ---- embeddings -------------------------------------------------------------------------------

_TABLE = {"table": _normal(7, 40, 6), "out": _normal(8, 6, 4)}


def _ids(step: int) -> Arrays:
    rng = np.random.RandomState(300 + step)
    ids = np.concatenate([rng.choice(40, 12, replace=False), rng.randint(0, 40, 4)])
    return {"ids": ids.astype(np.int32), "y": np.eye(4, dtype=np.float32)[rng.randint(0, 4, 16)]}


def _embedding_old(x: Mapping, v: Mapping) -> Side:
    logits = tf.matmul(tf.nn.embedding_lookup(v["table"], x["ids"]), v["out"])
    return Side(logits, [(_cross_entropy(x["y"], logits), list(_TABLE))], {})


def _embedding_new(x: Mapping, v: Mapping, mistake: str) -> Side:
    logits = tf.matmul(tf.gather(v["table"], x["ids"]), v["out"])
    if mistake == "softmax twice":
        return Side(logits, [(_cross_entropy(x["y"], tf.nn.softmax(logits)), list(_TABLE))], {})
    return Side(logits, [(_cross_entropy(x["y"], logits), list(_TABLE))], {})


def _summed(gradients: list) -> list:
    """Ids that repeat, added up: what makes Keras's Adam equal TensorFlow 1's."""
    result = []
    for g in gradients:
        if isinstance(g, tf.IndexedSlices):
            ids, where = tf.unique(g.indices)
            g = tf.IndexedSlices(
                tf.math.unsorted_segment_sum(g.values, where, tf.size(ids)), ids, g.dense_shape
            )
        result.append(g)
    return result


class _SparseMomentum(keras.optimizers.SGD):
    """Momentum that moves only the rows of a batch, as TensorFlow 1's."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if not isinstance(gradient, tf.IndexedSlices):
            return super().update_step(gradient, variable, learning_rate)
        slot = self.momentums[self._get_variable_index(variable)]
        rows = 0.9 * tf.gather(slot, gradient.indices) - learning_rate * gradient.values
        slot.value.scatter_update(tf.IndexedSlices(rows, gradient.indices))
        variable.scatter_add(tf.IndexedSlices(rows, gradient.indices))
        return None


def _sparse_momentum_new(mistake: str) -> Any:
    kind = keras.optimizers.SGD if mistake == "all rows decay" else _SparseMomentum
    return kind(0.1 if mistake == "learning rate" else 0.05, momentum=0.9)


EMBEDDING_ADAM = Program(
    "embedding, Adam",
    _TABLE,
    _ids,
    _embedding_old,
    lambda step: v1.train.AdamOptimizer(0.01),
    _embedding_new,
    _adam_new,
    old_slots=_ADAM_OLD,
    new_slots=_ADAM_NEW,
    new_clip=lambda gradients, mistake: (
        gradients if mistake == "repeated ids squared" else _summed(gradients)
    ),
)


# ---- the sum of a row's embeddings ------------------------------------------------------------


def _words(step: int) -> Arrays:
    rng = np.random.RandomState(350 + step)
    ids = rng.randint(0, 40, (_BATCH, 3)).astype(np.int32)
    return {"ids": ids, "y": np.eye(4, dtype=np.float32)[rng.randint(0, 4, _BATCH)]}


def _bag_old(x: Mapping, v: Mapping) -> Side:
    found = tf.reduce_sum(tf.nn.embedding_lookup(v["table"], x["ids"]), 1)
    logits = tf.matmul(found, v["out"])
    return Side(logits, [(_cross_entropy(x["y"], logits), list(_TABLE))], {})


def _bag_new(x: Mapping, v: Mapping, mistake: str) -> Side:
    combine = tf.reduce_mean if mistake == "mean of the embeddings" else tf.reduce_sum
    logits = tf.matmul(combine(tf.gather(v["table"], x["ids"]), 1), v["out"])
    return Side(logits, [(_cross_entropy(x["y"], logits), list(_TABLE))], {})


BAG = Program(
    "sum of embeddings",
    _TABLE,
    _words,
    _bag_old,
    lambda step: v1.train.GradientDescentOptimizer(0.1),
    _bag_new,
    lambda mistake: keras.optimizers.SGD(0.1),
)


# ---- an LSTM over sequences of several lengths ----------------------------------------------

_HIDDEN, _TIME = 5, 4
_LSTM = {
    "cell/kernel": _normal(9, 3 + _HIDDEN, 4 * _HIDDEN),
    "cell/bias": _normal(10, 4 * _HIDDEN, scale=0.1),
    "out": _normal(11, _HIDDEN, 4),
}


def _sequences(step: int) -> Arrays:
    rng = np.random.RandomState(400 + step)
    return {
        "x": rng.normal(size=(_BATCH, _TIME, 3)).astype(np.float32),
        "y": rng.randint(1, 4, (_BATCH, _TIME)).astype(np.int32),
        "length": rng.randint(1, _TIME + 1, _BATCH).astype(np.int32),
    }


def _cell(x: Any, v: Mapping, order: str, forget_bias: float) -> Any:
    h = c = tf.zeros([_BATCH, _HIDDEN])
    outputs = []
    for t in range(_TIME):
        joined = tf.concat([x[:, t], h], 1)
        parts = tf.split(tf.matmul(joined, v["cell/kernel"]) + v["cell/bias"], 4, axis=1)
        gate = dict(zip(order, parts, strict=True))
        c = c * tf.sigmoid(gate["f"] + forget_bias) + tf.sigmoid(gate["i"]) * tf.tanh(gate["j"])
        h = tf.tanh(c) * tf.sigmoid(gate["o"])
        outputs.append(h)
    return tf.tensordot(tf.stack(outputs, 1), v["out"], [[2], [0]])


def _masked(x: Mapping, logits: Any, mistake: str = "") -> Any:
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=x["y"], logits=logits)
    mask = tf.sequence_mask(x["length"], _TIME, tf.float32)
    if mistake == "mask forgotten":
        return tf.reduce_mean(each)
    if mistake == "averaged over all positions":
        return tf.reduce_mean(each * mask)
    return tf.reduce_sum(each * mask) / tf.reduce_sum(mask)


def _lstm_old(x: Mapping, v: Mapping) -> Side:
    logits = _cell(x["x"], v, "ijfo", 1.0)
    return Side(logits, [(_masked(x, logits), list(_LSTM))], {})


def _lstm_new(x: Mapping, v: Mapping, mistake: str) -> Side:
    order = {"Keras's order of gates": "ifjo", "gates in another order": "fjio"}
    forget = {"forget bias lost": 0.0, "forget bias twice": 2.0}.get(mistake, 1.0)
    logits = _cell(x["x"], v, order.get(mistake, "ijfo"), forget)
    return Side(logits, [(_masked(x, logits, mistake), list(_LSTM))], {})


# ---- two optimizers ---------------------------------------------------------------------------

_GAN = {"g": _normal(12, 3, 6), "d1": _normal(13, 6, 5), "d2": _normal(14, 5, 1)}


def _pairs(step: int) -> Arrays:
    rng = np.random.RandomState(500 + step)
    z = rng.normal(size=(_BATCH, 3)).astype(np.float32)
    return {"real": rng.normal(1, 1, (_BATCH, 6)).astype(np.float32), "z": z}


def _gan(x: Mapping, v: Mapping, mistake: str = "") -> Side:
    def judge(images: Any) -> Any:
        return tf.matmul(tf.tanh(tf.matmul(images, v["d1"])), v["d2"])

    def cost(logits: Any, label: float) -> Any:
        labels = label * tf.ones_like(logits)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))

    made = tf.matmul(x["z"], v["g"])
    real, fake = judge(x["real"]), judge(made)
    of_d = cost(real, 1.0) + cost(fake, 0.0)
    of_d *= 0.5 if mistake == "half of D's loss" else 1.0
    of_g = cost(fake, 1.0)
    return Side(fake, [(of_d, ["d1", "d2"]), (of_g, ["g"])], {})


GAN = Program(
    "two networks, two Adams",
    _GAN,
    _pairs,
    lambda x, v: _gan(x, v),
    lambda step: v1.train.AdamOptimizer(0.01),
    _gan,
    _adam_new,
    old_slots=_ADAM_OLD,
    new_slots=_ADAM_NEW,
    together=lambda mistake: mistake == "both gradients before any update",
    new_order=lambda mistake: -1 if mistake == "D trained after G" else 1,
)

RMSPROP = Program(
    "regression, RMSProp",
    _REGRESSION,
    _numbers,
    _regression_old,
    lambda step: v1.train.RMSPropOptimizer(0.01),
    _regression_new,
    _rms_new,
    old_slots={"rms": "rms"},
    new_slots={"_velocities": "rms"},
)
EMBEDDING_MOMENTUM = Program(
    "embedding, momentum",
    _TABLE,
    _ids,
    _embedding_old,
    lambda step: v1.train.MomentumOptimizer(0.05, 0.9),
    _embedding_new,
    _sparse_momentum_new,
    old_slots={"momentum": "momentum"},
    new_slots={"momentums": "momentum"},
    new_clip=lambda gradients, mistake: _summed(gradients),
)
LSTM = Program(
    "LSTM, masked",
    _LSTM,
    _sequences,
    _lstm_old,
    lambda step: v1.train.AdamOptimizer(0.01),
    _lstm_new,
    _adam_new,
    old_slots=_ADAM_OLD,
    new_slots=_ADAM_NEW,
)

_ALL = [MLP, SCHEDULE, CLIPPING, MOMENTUM, RMSPROP, NORM]
_ALL += [EMBEDDING_ADAM, EMBEDDING_MOMENTUM, BAG, LSTM, GAN]
PROGRAMS = {program.name: program for program in _ALL}
_W = ("w1", "b1", "w2", "b2")
_M = tuple(f"{name}/m" for name in _W)
_V = tuple(f"{name}/v" for name in _W)
_RMS = tuple(f"{name}/rms" for name in _W)


Where = tuple[str, int, str, tuple[str, ...], str | None]


def _of(program: Program, *rows: Where) -> list[Planted]:
    return [Planted(program.name, *row) for row in rows]


_LOGITS, _LOSS = ("logits",), ("loss",)
MISTAKES = [
    *_of(
        MLP,
        ("Keras's epsilon", 1, "variable", _W, "epsilon may differ"),
        ("a larger epsilon", 1, "variable", _W, "epsilon may differ"),
        ("beta2 0.99", 1, "slot", _V, "decay 0.999 in A and 0.99 in B"),
        ("beta1 0.5", 1, "slot", _M, "decay 0.9 in A and 0.5 in B"),
        ("learning rate", 1, "variable", _W, "have the ratio 2"),
        ("decoupled weight decay", 1, "variable", _W, "weight decay"),
        ("bias left out of training", 1, "gradient", ("b1",), "b1 is zero in B"),
        ("from_logits forgotten", 1, "loss", _LOSS, "logits taken for probabilities"),
        ("softmax twice", 1, "loss", _LOSS, "softmax taken twice"),
        ("L2 left out", 1, "loss", _LOSS, "B leaves out the L2 term"),
        ("L2 not halved", 1, "loss", _LOSS, "L2 term of w1, w2 is twice A's"),
        ("L2 halved again", 1, "loss", _LOSS, "L2 term of w1, w2 is half of A's"),
        ("sum instead of mean", 1, "loss", _LOSS, "sum in B against mean in A"),
        ("sum beside L2", 1, "loss", _LOSS, "over a batch of 16"),
        ("loss weighted", 1, "loss", _LOSS, "1.5 times A's"),
        ("labels of the row before", 1, "loss", _LOSS, "each row has those of the row before"),
        ("labels reversed", 1, "loss", _LOSS, "rows are in reverse order"),
        ("labels shuffled", 1, "loss", _LOSS, "takes the labels y in another order"),
        ("classes exchanged", 1, "loss", _LOSS, "the last class stands for the first"),
    ),
    *_of(
        SCHEDULE,
        ("schedule frozen", 2, "variable", _W, "B's stays at 0.1"),
        ("schedule one step ahead", 1, "variable", _W, "one step ahead"),
        ("squares not halved", 1, "loss", _LOSS, "half of the squares against all"),
        ("absolute differences", 1, "loss", _LOSS, "B's is the mean of the absolute differences"),
        ("sigmoid for tanh", 1, "logits", _LOGITS, "tanh gives A's numbers, sigmoid B's"),
    ),
    *_of(
        CLIPPING,
        ("clipping left out", 1, "variable", _W, "A clips its gradients to the global norm 0.5"),
        ("each tensor clipped", 1, "variable", _W, "B clips each tensor by its own norm"),
        ("each element clipped", 1, "variable", _W, "B clips each element"),
        ("another norm", 1, "variable", _W, "clip"),
    ),
    *_of(
        MOMENTUM,
        ("momentum 0.8", 2, "slot", tuple(f"{n}/momentum" for n in _W), "0.9 in A and 0.8 in B"),
        ("Nesterov", 1, "variable", _W, "Nesterov"),
        ("learning rate", 1, "variable", _W, "have the ratio 2"),
        ("replicas added up", 1, "variable", _W, "factors on the gradients, have the ratio 2"),
    ),
    *_of(
        RMSPROP,
        (
            "slot starts from zero",
            1,
            "slot",
            _RMS,
            "may start from another",
        ),
        ("decay 0.99", 1, "slot", _RMS, "decay 0.9 in A and 0.99 in B"),
    ),
    *_of(
        NORM,
        ("BN momentum 0.1", 1, "variable", _AVERAGES, "decay 0.9 in A and 0.1 in B"),
        ("BN momentum 0.99", 1, "variable", _AVERAGES, "decay 0.9 in A and 0.99 in B"),
        ("BN epsilon", 1, "logits", _LOGITS, "epsilon of batch normalization is 0.001 in A"),
        ("updates not run", 1, "variable", _AVERAGES, "never move in B"),
        ("unbiased variance", 1, "variable", ("bn/moving_variance",), "variance over n - 1 in B"),
        ("averages used in training", 1, "logits", _LOGITS, "or by the averages"),
        ("Keras's epsilon", 1, "variable", tuple(_TRAINED), "epsilon may differ"),
    ),
    *_of(
        EMBEDDING_ADAM,
        ("repeated ids squared", 1, "slot", ("table/v",), "id the batch holds more than once"),
        ("Keras's epsilon", 1, "variable", tuple(_TABLE), "epsilon may differ"),
        ("softmax twice", 1, "loss", _LOSS, "softmax taken twice"),
    ),
    *_of(
        EMBEDDING_MOMENTUM,
        ("all rows decay", 2, "slot", ("table/momentum",), "B changes all rows of table"),
        ("learning rate", 1, "variable", tuple(_TABLE), "have the ratio 2"),
    ),
    *_of(
        BAG,
        ("mean of the embeddings", 1, "logits", _LOGITS, "A sums the 3 embeddings of table"),
    ),
    *_of(
        LSTM,
        ("Keras's order of gates", 1, "logits", _LOGITS, "the second and the third gate"),
        ("gates in another order", 1, "logits", _LOGITS, "the first and the third gate"),
        ("forget bias lost", 1, "logits", _LOGITS, "B lacks the forget bias"),
        ("forget bias twice", 1, "logits", _LOGITS, "B adds a forget bias again"),
        ("mask forgotten", 1, "loss", _LOSS, "B's is the mean of the softmax cross-entropy"),
        ("averaged over all positions", 1, "loss", _LOSS, "averaged over all positions"),
        ("beta2 0.99", 1, "slot", tuple(f"{n}/v" for n in _LSTM), "0.999 in A and 0.99 in B"),
    ),
    *_of(
        GAN,
        ("both gradients before any update", 2, "logits", _LOGITS, "before the other's update"),
        ("D trained after G", 1, "loss", _LOSS, "run in another order"),
        ("half of D's loss", 1, "loss", _LOSS, "0.5 times A's"),
        ("Keras's epsilon", 1, "variable", ("d1", "d2"), "epsilon may differ"),
    ),
]
