"""Ports of the models in tests/files/conversion/tf1_networks.py, written as users write them.

Some keep TensorFlow 1's names as far as Keras lets them, others have attributes of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from conversion_ports import (
    PORTS,
    BertAdam,
    Data,
    K,
    L,
    Port,
    adam,
    chain,
    port,
    recurrent,
    trained,
    two_layers,
)

PORTS["cudnn_lstm_stack"] = PORTS["lstm_stack"]
PORTS["lstm_fused"] = PORTS["lstm"]
PORTS["gru_block"] = PORTS["gru"]


def random(*shape: int) -> Any:
    """Returns a variable of small numbers."""
    return tf.Variable(tf.random.normal(shape, stddev=0.3))


def trained_by(part: Any) -> list[Any]:
    """Returns the variables in a layer, a module or a list of them that are trained."""
    if isinstance(part, (tf.Variable, L.Layer)):
        return part.trainable_variables if isinstance(part, L.Layer) else [part]
    if isinstance(part, tf.Module):
        part = list(vars(part).values())
    return [v for item in part for v in trained_by(item)] if isinstance(part, list) else []


def of_parts(
    outputs: Callable[[], Any],
    data: Data,
    optimizer: Any = None,
    objective: Callable[[], Any] | None = None,
    rate: float | None = None,
    **parts: Any,
) -> Port:
    """Returns the port of layers, variables and lists of them that one optimizer trains."""
    optimizer = optimizer or adam()
    outputs()
    objects = {**parts, "optimizer": optimizer}
    variables = trained_by(list(parts.values()))
    return Port(outputs, [(optimizer, variables)], objects, data["y"], rate, objective)


# Recurrent cells.


@port()
def cudnn_bidirectional(data: Data, layers: int = 3) -> Port:
    both = (L.Bidirectional(L.LSTM(3, return_sequences=True)) for _ in range(layers))
    return recurrent(data, *both, L.Lambda(lambda x: x[:, -1]))


@port()
def cudnn_opaque_slots(data: Data) -> Port:
    return cudnn_bidirectional(data, 1)


@port()
def conv_lstm(data: Data) -> Port:
    layer = L.ConvLSTM2D(3, 3, padding="same")
    model = chain(data, "films", layer, L.Flatten(), L.Dense(2, name="out"))
    return trained(model, data, "films")


class NormalizedCell(tf.Module):
    """An LSTM with layer normalization of each gate, as contrib's cell computes it."""

    def __init__(self) -> None:
        self.kernel = random(7, 16)
        for name in ("input", "transform", "forget", "output", "state"):
            norm = L.LayerNormalization(epsilon=1e-12)
            norm.build((None, 4))
            setattr(self, name, norm)

    def __call__(self, inputs: Any) -> Any:
        h = c = tf.zeros([inputs.shape[0], 4])
        for x in tf.unstack(inputs, axis=1):
            i, j, f, o = tf.split(tf.concat([x, h], 1) @ self.kernel, 4, axis=1)
            i, j, f, o = self.input(i), self.transform(j), self.forget(f), self.output(o)
            c = self.state(c * tf.sigmoid(f + 1) + tf.sigmoid(i) * tf.tanh(j))
            h = tf.tanh(c) * tf.sigmoid(o)
        return h


@port()
def layer_norm_lstm(data: Data) -> Port:
    cell, out = NormalizedCell(), L.Dense(2, name="out")
    return of_parts(lambda: out(cell(tf.constant(data["sequences"]))), data, rnn=cell, out=out)


@port()
def bidirectional_stack(data: Data) -> Port:
    return recurrent(
        data, L.Bidirectional(L.RNN(L.StackedRNNCells([L.LSTMCell(3) for _ in range(2)])))
    )


@port()
def attention_seq2seq(data: Data) -> Port:
    encoder, decoder = L.LSTM(4, return_sequences=True, return_state=True), L.LSTMCell(4)
    memory_layer, query_layer = L.Dense(5, use_bias=False), L.Dense(5, use_bias=False)
    attention_v, attention_layer = random(5), L.Dense(6, use_bias=False)
    out = L.Dense(2, name="out")

    def outputs() -> Any:
        memory, *state = encoder(data["sequences"])
        keys, attention = memory_layer(memory), tf.zeros([8, 6])
        for x in tf.unstack(tf.constant(data["sequences"][:, ::-1]), axis=1):
            found, state = decoder(tf.concat([x, attention], -1), state)
            scores = tf.tanh(keys + query_layer(found)[:, None]) * attention_v
            weights = tf.nn.softmax(tf.reduce_sum(scores, -1))
            context = tf.reduce_sum(weights[..., None] * memory, 1)
            attention = attention_layer(tf.concat([found, context], -1))
        return out(attention)

    return of_parts(
        outputs,
        data,
        encoder=encoder,
        decoder=decoder,
        memory_layer=memory_layer,
        query_layer=query_layer,
        attention_v=attention_v,
        attention_layer=attention_layer,
        out=out,
    )


@port()
def crf_tagger(data: Data) -> Port:
    model = chain(data, "sequences", L.LSTM(4, return_sequences=True), L.Dense(3, name="scores"))
    transitions = random(3, 3)
    tags = data["tokens"][:, :5] % 3

    def likelihood() -> Any:
        scores = model(data["sequences"])
        path = tf.reduce_sum(tf.gather(scores, tags, batch_dims=2), 1)
        path += tf.reduce_sum(
            tf.gather_nd(transitions, np.stack([tags[:, :-1], tags[:, 1:]], -1)), 1
        )
        alphas = scores[:, 0]
        for step in range(1, 5):
            alphas = scores[:, step] + tf.reduce_logsumexp(alphas[..., None] + transitions, 1)
        return path - tf.reduce_logsumexp(alphas, 1)

    objective = lambda: -tf.reduce_mean(likelihood())  # noqa: E731
    return of_parts(likelihood, data, None, objective, tagger=model, transitions=transitions)


# Transformers, embeddings, texts.


def looked_up(table: Any, ids: Any) -> Any:
    """Returns rows of an embedding; its gradient is dense, as Adam squares each repeated id."""
    table(ids)
    return tf.one_hot(ids, table.input_dim) @ table.embeddings


class Attention(tf.Module):
    """One head of self-attention, normalized."""

    def __init__(self, units: int) -> None:
        self.query, self.key, self.value, self.dense = (L.Dense(units) for _ in range(4))
        self.LayerNorm = L.LayerNormalization(epsilon=1e-12)
        self.units = units

    def __call__(self, x: Any) -> Any:
        scores = tf.matmul(self.query(x), self.key(x), transpose_b=True) / self.units**0.5
        return self.LayerNorm(self.dense(tf.nn.softmax(scores) @ self.value(x)) + x)


class Block(tf.Module):
    """A layer of BERT's encoder."""

    def __init__(self, units: int) -> None:
        self.attention = Attention(units)
        self.intermediate = L.Dense(2 * units, "relu")
        self.output = L.Dense(units)
        self.LayerNorm = L.LayerNormalization(epsilon=1e-12)

    def __call__(self, x: Any) -> Any:
        x = self.attention(x)
        return self.LayerNorm(self.output(self.intermediate(x)) + x)


@port()
def bert_encoder(data: Data) -> Port:
    words, positions = L.Embedding(9, 4), L.Embedding(6, 4)
    layers = [Block(4) for _ in range(2)]
    pooler, classifier = L.Dense(4, "tanh"), L.Dense(2)

    def outputs() -> Any:
        x = looked_up(words, data["tokens"]) + positions(np.arange(6))
        for layer in layers:
            x = layer(x)
        return classifier(pooler(x[:, 0]))

    return of_parts(
        outputs,
        data,
        word_embeddings=words,
        position_embeddings=positions,
        layer=layers,
        pooler=pooler,
        classifier=classifier,
    )


@port()
def text_cnn(data: Data) -> Port:
    words, out = L.Embedding(9, 4), L.Dense(2)
    convolutions = [L.Conv2D(3, (size, 4), activation="relu") for size in (2, 3, 4)]

    def outputs() -> Any:
        x = looked_up(words, data["tokens"])[..., None]
        return out(tf.concat([tf.reduce_max(conv(x), [1, 2]) for conv in convolutions], 1))

    return of_parts(outputs, data, embedding=words, convolutions=convolutions, classifier=out)


@port()
def word2vec(data: Data) -> Port:
    embeddings, weights, biases = random(9, 4), random(9, 4), random(9)
    embedded = lambda: tf.gather(embeddings, data["ids"])  # noqa: E731
    sampled = (np.array([1, 3, 6]), np.ones([8, 1], "f"), np.ones([3], "f"))

    def objective() -> Any:
        labels = data["tokens"][:, :1]
        return tf.reduce_mean(
            tf.nn.nce_loss(weights, biases, labels, embedded(), 3, 9, sampled_values=sampled)
        )

    optimizer = K.optimizers.SGD(0.5)
    return of_parts(
        embedded,
        data,
        optimizer,
        objective,
        embeddings=embeddings,
        nce_weights=weights,
        nce_biases=biases,
    )


@port()
def two_partitioned_tables(data: Data) -> Port:
    users, items = L.Embedding(9, 2), L.Embedding(9, 2)
    outputs = lambda: users(data["ids"]) + items(data["ids"])  # noqa: E731
    return of_parts(outputs, data, users=users, items=items)


# Pictures.


@port()
def unet(data: Data) -> Port:
    conv = lambda name: L.Conv2D(3, 3, padding="same", activation="relu", name=name)  # noqa: E731
    pictures = data["pictures"][:, :4, :4]
    x = start = K.Input([4, 4, 2])
    skips = []
    for level in (1, 2):
        x = conv(f"down{level}_conv2")(conv(f"down{level}_conv1")(x))
        skips.append(x)
        x = L.MaxPooling2D()(x)
    for level in (2, 1):
        x = L.Conv2DTranspose(3, 2, 2, name=f"up{level}_deconv")(x)
        x = conv(f"up{level}_conv1")(L.Concatenate()([x, skips.pop()]))
    logits = L.Conv2D(2, 1, name="logits")(x)
    model = K.Model(start, L.GlobalAveragePooling2D()(logits))
    return trained(model, {"pictures": pictures, "y": data["y"]}, "pictures")


def normalized(layer: Any, x: Any, scale: bool) -> Any:
    """Returns a layer's outputs, normalized, with the names that slim has."""
    norm = L.BatchNormalization(momentum=0.9, scale=scale, name=f"{layer.name}_BatchNorm")
    return L.ReLU()(norm(layer(x)))


@port()
def mobilenet(data: Data) -> Port:
    options: dict[str, Any] = {"padding": "same", "use_bias": False}
    x = start = K.Input([6, 6, 2])
    x = normalized(L.Conv2D(3, 3, name="Conv2d_0", **options), x, True)
    for k in (1, 2):
        x = normalized(L.DepthwiseConv2D(3, name=f"Conv2d_{k}_depthwise", **options), x, True)
        x = normalized(L.Conv2D(3, 1, name=f"Conv2d_{k}_pointwise", **options), x, True)
    out = L.Dense(2, name="Logits")(L.GlobalAveragePooling2D()(x))
    optimizer = K.optimizers.RMSprop(0.01, momentum=0.9, epsilon=1.0)
    return trained(K.Model(start, out), data, "pictures", optimizer)


@port()
def inception(data: Data) -> Port:
    def conv(x: Any, units: int, size: int, name: str) -> Any:
        layer = L.Conv2D(units, size, padding="same", use_bias=False, name=name)
        return normalized(layer, x, False)

    x = start = K.Input([6, 6, 2])
    x = conv(x, 3, 3, "Conv2d_1a_3x3")
    for name in ("Mixed_3b", "Mixed_3c"):
        first = conv(x, 2, 1, f"{name}_Branch_0_Conv2d_0a_1x1")
        second = conv(x, 2, 1, f"{name}_Branch_1_Conv2d_0a_1x1")
        second = conv(second, 1, 3, f"{name}_Branch_1_Conv2d_0b_3x3")
        x = L.Concatenate()([first, second])
    out = L.Dense(2, name="Logits")(L.GlobalAveragePooling2D()(x))
    optimizer = K.optimizers.SGD(0.05, momentum=0.9)
    return trained(K.Model(start, out), data, "pictures", optimizer, 0.05)


@port()
def capsules(data: Data) -> Port:
    primary, digits = L.Conv2D(8, 3, 2), random(1, 8, 2, 4, 3)

    def outputs() -> Any:
        u = tf.reshape(primary(data["pictures"]), [8, -1, 1, 4, 1])
        votes = tf.reduce_sum(u * digits, 3)
        logits = tf.zeros_like(votes[..., :1])
        for _ in range(2):
            v = tf.reduce_sum(tf.nn.softmax(logits, 2) * votes, 1, keepdims=True)
            v *= tf.norm(v, axis=-1, keepdims=True) / (1 + tf.reduce_sum(v * v, -1, keepdims=True))
            logits += tf.reduce_sum(votes * v, -1, keepdims=True)
        return tf.norm(v[:, 0], axis=-1)

    return of_parts(outputs, data, primary=primary, digits=digits)


class Dilated(tf.Module):
    """A layer of WaveNet."""

    def __init__(self, dilation: int, is_last: bool) -> None:
        options: dict[str, Any] = {"padding": "causal", "use_bias": False}
        self.filter, self.gate = (
            L.Conv1D(4, 2, dilation_rate=dilation, **options) for _ in range(2)
        )
        self.skip = L.Conv1D(5, 1, use_bias=False)
        self.dense = None if is_last else L.Conv1D(4, 1, use_bias=False)

    def __call__(self, x: Any) -> tuple[Any, Any]:
        found = tf.tanh(self.filter(x)) * tf.sigmoid(self.gate(x))
        return x + self.dense(found) if self.dense else x, self.skip(found)


@port()
def wavenet(data: Data) -> Port:
    causal, out = L.Conv1D(4, 1), L.Dense(2)
    layers = [Dilated(2**k, k == 2) for k in range(3)]

    def outputs() -> Any:
        x, total = causal(data["sequences"]), tf.constant(0.0)
        for layer in layers:
            x, skip = layer(x)
            total += skip
        return out(tf.nn.relu(total[:, -1]))

    return of_parts(outputs, data, causal_layer=causal, layer=layers, postprocess1=out)


# Normalization and gates.


class WeightNorm(tf.Module):
    """A dense layer whose kernel has a direction and a length."""

    def __init__(self, inputs: int, units: int) -> None:
        self.v, self.g, self.b = random(inputs, units), random(units), random(units)

    def __call__(self, x: Any) -> Any:
        return self.g * tf.matmul(x, self.v) / tf.norm(self.v, axis=0) + self.b


@port()
def weight_norm(data: Data) -> Port:
    first, second = WeightNorm(3, 4), WeightNorm(4, 2)
    return of_parts(lambda: second(first(data["x"])), data, first=first, second=second)


@port()
def group_norm(data: Data) -> Port:
    layers = [
        L.Conv2D(4, 3, name="conv"),
        L.GroupNormalization(2, epsilon=1e-6, name="norm1"),
        L.ReLU(),
        L.Conv2D(4, 3, name="conv2"),
        L.GroupNormalization(-1, epsilon=1e-6, name="norm2"),
        L.Flatten(),
        L.Dense(2, name="out"),
    ]
    return trained(chain(data, "pictures", *layers), data, "pictures")


@port()
def highway(data: Data) -> Port:
    embed, out = L.Dense(4), L.Dense(2)
    gates, layers = ([L.Dense(4, f) for _ in range(2)] for f in ("sigmoid", "relu"))

    def outputs() -> Any:
        x = embed(data["x"])
        for gate, layer in zip(gates, layers, strict=True):
            x = layer(x) * gate(x) + x * (1 - gate(x))
        return out(x)

    return of_parts(outputs, data, embed=embed, gates=gates, plain=layers, out=out)


# Several networks.


@port()
def siamese(data: Data) -> Port:
    tower = chain(data, "x", L.Dense(4, "relu", name="a"), L.Dense(2, name="b"))
    distance = lambda: tf.square(tower(data["x"]) - tower(data["x"][::-1]))  # noqa: E731

    def objective() -> Any:
        return tf.reduce_mean(tf.nn.relu(1 - tf.reduce_sum(distance(), 1)))

    return of_parts(distance, data, None, objective, tower=tower)


class Encoder(tf.Module):
    """Computes the means and the logarithms of the variances."""

    def __init__(self) -> None:
        self.hidden = L.Dense(4, "relu")
        self.mean, self.log_variance = L.Dense(2), L.Dense(2)

    def __call__(self, x: Any) -> tuple[Any, Any]:
        hidden = self.hidden(x)
        return self.mean(hidden), self.log_variance(hidden)


@port()
def vae(data: Data) -> Port:
    encoder = Encoder()
    decoder = chain(data, "noise", L.Dense(4, "relu", name="hidden"), L.Dense(3, name="out"))

    def outputs() -> Any:
        mean, log_variance = encoder(data["x"])
        return decoder(mean + tf.exp(0.5 * log_variance) * data["noise"])

    def objective() -> Any:
        mean, log_variance = encoder(data["x"])
        divergence = -0.5 * tf.reduce_mean(1 + log_variance - mean**2 - tf.exp(log_variance))
        return tf.reduce_mean(tf.square(outputs() - data["x"])) + divergence

    return of_parts(outputs, data, None, objective, encoder=encoder, decoder=decoder)


@port()
def dqn(data: Data) -> Port:
    online, target = two_layers(data), two_layers(data)
    target.trainable = False

    def objective() -> Any:
        goal = data["y"] + 0.9 * target(data["x"][::-1])
        return tf.reduce_mean(tf.square(goal - online(data["x"])))

    optimizer = K.optimizers.RMSprop(0.01, epsilon=1e-10)
    return of_parts(
        lambda: online(data["x"]), data, optimizer, objective, online=online, target=target
    )


@port()
def gan_named_adams(data: Data) -> Port:
    leaky = lambda x: tf.nn.leaky_relu(x, 0.2)  # noqa: E731
    generator = chain(data, "noise", L.Dense(4, "relu", name="fc1"), L.Dense(3, name="fc2"))
    discriminator = chain(data, "x", L.Dense(4, leaky, name="fc1"), L.Dense(1, name="fc2"))
    outputs = lambda: discriminator(generator(data["noise"]))  # noqa: E731

    def objective() -> Any:
        return tf.reduce_mean(tf.square(outputs() - 1)) + tf.reduce_mean(
            tf.square(discriminator(data["x"]) - 1)
        )

    g, d = adam(0.02, beta_1=0.5), adam(0.01, beta_1=0.5)
    return Port(
        outputs,
        [(g, generator.trainable_variables), (d, discriminator.trainable_variables)],
        {
            "generator": generator,
            "discriminator": discriminator,
            "generator_optimizer": g,
            "discriminator_optimizer": d,
        },
        data["y"],
        objective=objective,
    )


# Optimizers and averages.


@port()
def adamw(data: Data) -> Port:
    # contrib's takes the decay as it is, Keras's times the rate.
    optimizer = K.optimizers.AdamW(0.01, weight_decay=0.1, epsilon=1e-8)
    return trained(two_layers(data), data, optimizer=optimizer)


@port()
def nadam(data: Data) -> Port:
    return trained(two_layers(data), data, optimizer=K.optimizers.Nadam(0.01))


class Lamb(BertAdam):
    """LAMB without correction of bias, as its paper's code has it."""

    def apply_gradients(self, pairs: Any) -> None:
        """Makes one update."""
        for (gradient, variable), m, v in zip(pairs, self.m, self.v, strict=True):
            m.assign(0.9 * m + 0.1 * gradient)
            v.assign(0.999 * v + 0.001 * gradient * gradient)
            change = m / (tf.sqrt(v) + 1e-6) + 0.01 * variable
            w, u = tf.norm(variable), tf.norm(change)
            ratio = tf.where((w > 0) & (u > 0), w / tf.maximum(u, 1e-30), 1.0)
            variable.assign_sub(0.01 * ratio * change)


@port()
def lamb(data: Data) -> Port:
    return trained(two_layers(data), data, optimizer=Lamb())


@port()
def averages_kept(data: Data) -> Port:
    return trained(two_layers(data), data, optimizer=adam(use_ema=True, ema_momentum=0.9))


@port()
def keras_model_by_saver(data: Data) -> Port:
    return trained(two_layers(data), data, optimizer=K.optimizers.Adam(0.01))


# Estimators.


def estimated(
    data: Data, compute: Callable[[], Any], optimizers: list[tuple[Any, list[Any]]], **parts: Any
) -> Port:
    """Returns the port of an Estimator's classifier, whose loss is a sum."""
    labels = (data["y"][:, :1] > 0).astype("f")

    def objective() -> Any:
        return tf.reduce_sum(
            tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=compute())
        )

    compute()
    found = [(made, trained_by(trains)) for made, trains in optimizers]
    objects = {**parts, **{f"optimizer{k or ''}": made for k, (made, _) in enumerate(optimizers)}}
    return Port(compute, found, objects, data["y"], objective=objective)


def adagrad(rate: float) -> Any:
    """Returns an Adagrad with TF1's epsilon, which is none."""
    return K.optimizers.Adagrad(rate, epsilon=0.0)


@port()
def estimator_dnn(data: Data) -> Port:
    words = L.Embedding(9, 2)
    dnn = K.Sequential([L.Dense(4, "relu"), L.Dense(4, "relu"), L.Dense(1, name="logits")])
    logits = lambda: dnn(tf.concat([data["x"], words(data["ids"])], 1))  # noqa: E731
    return estimated(data, logits, [(adagrad(0.05), [words, dnn])], k_embedding=words, dnn=dnn)


@port()
def estimator_linear(data: Data) -> Port:
    a, k = L.Dense(1), L.Embedding(9, 1)
    logits = lambda: a(data["x"]) + k(data["ids"])  # noqa: E731
    return estimated(data, logits, [(K.optimizers.Ftrl(0.2), [a, k])], a=a, k=k)


@port()
def wide_and_deep(data: Data) -> Port:
    linear, bias, words = L.Embedding(9, 1), tf.Variable([0.0]), L.Embedding(9, 2)
    hidden, out = L.Dense(4, "relu"), L.Dense(1)

    def logits() -> Any:
        wide = linear(data["ids"]) + bias
        return wide + out(hidden(tf.concat([data["x"], words(data["ids"])], 1)))

    ftrl = K.optimizers.Ftrl(0.005)
    return estimated(
        data,
        logits,
        [(adagrad(0.001), [words, hidden, out]), (ftrl, [linear, bias])],
        linear=linear,
        bias=bias,
        k_embedding=words,
        hiddenlayer_0=hidden,
        logits=out,
    )


@port()
def estimator_adam(data: Data) -> Port:
    dnn = chain(data, "x", L.Dense(4, "relu", name="hiddenlayer_0"), L.Dense(1, name="logits"))
    return estimated(data, lambda: dnn(data["x"]), [(adam(), [dnn])], dnn=dnn)


@port()
def hash_table(data: Data) -> Port:
    table = tf.lookup.experimental.MutableHashTable(tf.int64, tf.int64, -1)
    words, ids = random(9, 2), tf.constant(data["ids"])
    outputs = lambda: tf.gather(words, tf.maximum(table.lookup(ids), 0))  # noqa: E731
    return of_parts(outputs, data, words=words, vocabulary=table)
