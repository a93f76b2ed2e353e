"""Networks as people wrote them for TensorFlow 1: those of papers, of contrib and of Estimators."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tf1_cases import DATA, case, flat, last, loss_of, rnn, trained, two_layers

slim = tf.contrib.slim
RANDOM_VALUES = tf.random_normal_initializer(stddev=0.3)


def variable(name, *shape):
    return tf.get_variable(name, shape, initializer=RANDOM_VALUES)


# Recurrent cells.


def cudnn_cells(count):
    return [tf.contrib.cudnn_rnn.CudnnCompatibleLSTMCell(3) for _ in range(count)]


@case
def cudnn_lstm_stack():
    return rnn(tf.nn.rnn_cell.MultiRNNCell(cudnn_cells(3)))


@case
def cudnn_bidirectional():
    # The names under which a Saver writes CudnnLSTM(num_layers=3, direction="bidirectional").
    with tf.variable_scope("cudnn_lstm"):
        outputs, _, _ = tf.contrib.rnn.stack_bidirectional_dynamic_rnn(
            cudnn_cells(3), cudnn_cells(3), tf.constant(DATA["sequences"]), dtype=tf.float32
        )
    return trained(last(outputs))


@case
def cudnn_opaque_slots():
    # On a GPU the optimizer keeps its slots for CuDNN's one buffer, and no Saver takes them apart.
    with tf.variable_scope("cudnn_lstm"):
        cells = cudnn_cells(1), cudnn_cells(1)
        outputs, _, _ = tf.contrib.rnn.stack_bidirectional_dynamic_rnn(
            *cells, inputs=tf.constant(DATA["sequences"]), dtype=tf.float32
        )
        size = 2 * (4 * 3 * (3 + 3) + 8 * 3)
        for end in ("", "_1"):
            tf.get_variable("opaque_kernel/Adam" + end, [size], trainable=False)
    outputs = last(outputs)
    loss, step = loss_of(outputs), tf.train.get_or_create_global_step()
    scope = tf.trainable_variables("out")
    update = tf.train.AdamOptimizer(0.01).minimize(loss, step, var_list=scope)
    return dict(outputs=outputs, loss=loss, update=update)


@case
def lstm_fused():
    cell = tf.contrib.rnn.LSTMBlockFusedCell(4)
    outputs, _ = cell(tf.constant(DATA["sequences"].transpose(1, 0, 2)), dtype=tf.float32)
    return trained(tf.layers.dense(outputs[-1], 2, name="out"))


@case
def gru_block():
    return rnn(tf.contrib.rnn.GRUBlockCellV2(4))


@case
def conv_lstm():
    cell = tf.contrib.rnn.Conv2DLSTMCell(
        input_shape=[4, 4, 2], output_channels=3, kernel_shape=[3, 3]
    )
    outputs, _ = tf.nn.dynamic_rnn(cell, DATA["films"], dtype=tf.float32)
    return trained(flat(outputs[:, -1]))


@case
def layer_norm_lstm():
    return rnn(tf.contrib.rnn.LayerNormBasicLSTMCell(4))


@case
def bidirectional_stack():
    stacks = [
        tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.LSTMCell(3) for _ in range(2)]) for _ in "fb"
    ]
    (forward, backward), _ = tf.nn.bidirectional_dynamic_rnn(
        *stacks, inputs=tf.constant(DATA["sequences"]), dtype=tf.float32
    )
    both = tf.concat([forward[:, -1], backward[:, 0]], -1)
    return trained(tf.layers.dense(both, 2, name="out"))


@case
def attention_seq2seq():
    with tf.variable_scope("encoder"):
        memory, state = tf.nn.dynamic_rnn(
            tf.nn.rnn_cell.LSTMCell(4), DATA["sequences"], dtype=tf.float32
        )
    with tf.variable_scope("decoder"):
        attention = tf.contrib.seq2seq.BahdanauAttention(5, memory)
        cell = tf.contrib.seq2seq.AttentionWrapper(
            tf.nn.rnn_cell.LSTMCell(4), attention, attention_layer_size=6
        )
        start = cell.zero_state(8, tf.float32).clone(cell_state=state)
        inputs = DATA["sequences"][:, ::-1]
        outputs, _ = tf.nn.dynamic_rnn(cell, inputs, initial_state=start, dtype=tf.float32)
    return trained(last(outputs))


@case
def crf_tagger():
    outputs, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.LSTMCell(4), DATA["sequences"], dtype=tf.float32)
    scores = tf.layers.dense(outputs, 3, name="scores")
    tags = tf.constant(DATA["tokens"][:, :5] % 3, tf.int32)
    likelihood, _ = tf.contrib.crf.crf_log_likelihood(scores, tags, tf.fill([8], 5))
    return trained(likelihood, loss=-tf.reduce_mean(likelihood))


# Transformers, embeddings, texts.


def attention_of(states, units):
    """One head of self-attention, with the names of BERT's public code."""
    with tf.variable_scope("attention"):
        with tf.variable_scope("self"):
            query, key, value = (
                tf.layers.dense(states, units, name=name) for name in ("query", "key", "value")
            )
            scores = tf.nn.softmax(tf.matmul(query, key, transpose_b=True) / units**0.5)
        with tf.variable_scope("output"):
            found = tf.layers.dense(tf.matmul(scores, value), units, name="dense")
            return tf.contrib.layers.layer_norm(
                found + states, begin_norm_axis=-1, begin_params_axis=-1, scope="LayerNorm"
            )


def bert_block(states, units):
    states = attention_of(states, units)
    with tf.variable_scope("intermediate"):
        wide = tf.layers.dense(states, 2 * units, tf.nn.relu, name="dense")
    with tf.variable_scope("output"):
        return tf.contrib.layers.layer_norm(
            tf.layers.dense(wide, units, name="dense") + states,
            begin_norm_axis=-1,
            begin_params_axis=-1,
            scope="LayerNorm",
        )


@case
def bert_encoder():
    with tf.variable_scope("bert"):
        with tf.variable_scope("embeddings"):
            words = tf.nn.embedding_lookup(variable("word_embeddings", 9, 4), DATA["tokens"])
            states = words + variable("position_embeddings", 6, 4)
        with tf.variable_scope("encoder"):
            for layer in range(2):
                with tf.variable_scope("layer_" + str(layer)):
                    states = bert_block(states, 4)
        with tf.variable_scope("pooler"):
            pooled = tf.layers.dense(states[:, 0], 4, tf.tanh, name="dense")
    return trained(tf.layers.dense(pooled, 2, name="classifier"))


@case
def text_cnn():
    with tf.name_scope("embedding"):
        words = tf.nn.embedding_lookup(variable("embedding/W", 9, 4), DATA["tokens"])[..., None]
    pooled = []
    for size in (2, 3, 4):
        with tf.variable_scope("conv-maxpool-" + str(size)):
            found = tf.nn.conv2d(words, variable("W", size, 4, 1, 3), [1] * 4, "VALID")
            pooled.append(tf.reduce_max(tf.nn.relu(found + variable("b", 3)), [1, 2]))
    with tf.variable_scope("output"):
        return trained(tf.matmul(tf.concat(pooled, 1), variable("W", 9, 2)) + variable("b", 2))


@case
def word2vec():
    words = variable("embeddings", 9, 4)
    weights, biases = variable("nce_weights", 9, 4), tf.get_variable("nce_biases", [9])
    embedded = tf.nn.embedding_lookup(words, DATA["ids"])
    sampled = [tf.constant(x) for x in ([1, 3, 6], np.ones([8, 1], "f"), np.ones([3], "f"))]
    sampled[0] = tf.cast(sampled[0], tf.int64)
    labels = tf.constant(DATA["tokens"][:, :1])
    loss = tf.nn.nce_loss(weights, biases, labels, embedded, 3, 9, sampled_values=tuple(sampled))
    return trained(embedded, tf.train.GradientDescentOptimizer(0.5), tf.reduce_mean(loss))


@case
def two_partitioned_tables():
    rows = []
    for name in ("users", "items"):
        with tf.variable_scope(name, partitioner=tf.fixed_size_partitioner(3)):
            rows.append(tf.nn.embedding_lookup(tf.get_variable("table", [9, 2]), DATA["ids"]))
    return trained(tf.add_n(rows))


# Pictures.


@case
def unet():
    x, skips = tf.constant(DATA["pictures"][:, :4, :4]), []
    for level in (1, 2):
        with tf.variable_scope("down" + str(level)):
            x = tf.layers.conv2d(x, 3, 3, padding="same", activation=tf.nn.relu, name="conv1")
            x = tf.layers.conv2d(x, 3, 3, padding="same", activation=tf.nn.relu, name="conv2")
        skips.append(x)
        x = tf.layers.max_pooling2d(x, 2, 2)
    for level in (2, 1):
        with tf.variable_scope("up" + str(level)):
            x = tf.layers.conv2d_transpose(x, 3, 2, 2, name="deconv")
            x = tf.concat([x, skips.pop()], -1)
            x = tf.layers.conv2d(x, 3, 3, padding="same", activation=tf.nn.relu, name="conv1")
    return trained(tf.reduce_mean(tf.layers.conv2d(x, 2, 1, name="logits"), [1, 2]))


@case
def mobilenet():
    norm = dict(is_training=True, decay=0.9, scale=True, updates_collections=None)
    with tf.variable_scope("MobilenetV1"), slim.arg_scope(
        [slim.conv2d, slim.separable_conv2d],
        normalizer_fn=slim.batch_norm,
        normalizer_params=norm,
    ):
        x = slim.conv2d(DATA["pictures"], 3, 3, scope="Conv2d_0")
        for k in (1, 2):
            x = slim.separable_conv2d(x, None, 3, 1, scope="Conv2d_" + str(k) + "_depthwise")
            x = slim.conv2d(x, 3, 1, scope="Conv2d_" + str(k) + "_pointwise")
        x = slim.flatten(tf.reduce_mean(x, [1, 2], keep_dims=True))
        outputs = slim.fully_connected(x, 2, None, scope="Logits")
    return trained(outputs, tf.train.RMSPropOptimizer(0.01, momentum=0.9, epsilon=1.0))


@case
def inception():
    norm = dict(is_training=True, decay=0.9, updates_collections=None)
    with tf.variable_scope("InceptionV1"), slim.arg_scope(
        [slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params=norm
    ):
        x = slim.conv2d(DATA["pictures"], 3, 3, scope="Conv2d_1a_3x3")
        for name in ("Mixed_3b", "Mixed_3c"):
            with tf.variable_scope(name):
                with tf.variable_scope("Branch_0"):
                    first = slim.conv2d(x, 2, 1, scope="Conv2d_0a_1x1")
                with tf.variable_scope("Branch_1"):
                    second = slim.conv2d(x, 2, 1, scope="Conv2d_0a_1x1")
                    second = slim.conv2d(second, 1, 3, scope="Conv2d_0b_3x3")
                x = tf.concat([first, second], -1)
        outputs = slim.fully_connected(tf.reduce_mean(x, [1, 2]), 2, None, scope="Logits")
    return trained(outputs, tf.train.MomentumOptimizer(0.05, 0.9))


@case
def capsules():
    x = tf.layers.conv2d(DATA["pictures"], 8, 3, 2, name="primary")
    u = tf.reshape(x, [8, -1, 1, 1, 4])
    weights = tf.get_variable("digits/W", [1, u.shape[1], 2, 4, 3], initializer=RANDOM_VALUES)
    votes = tf.reduce_sum(tf.reshape(u, [8, -1, 1, 4, 1]) * weights, 3)
    logits = tf.zeros_like(votes[..., :1])
    for _ in range(2):
        v = tf.reduce_sum(tf.nn.softmax(logits, 2) * votes, 1, keepdims=True)
        v *= tf.norm(v, axis=-1, keepdims=True) / (1 + tf.reduce_sum(v * v, -1, keepdims=True))
        logits += tf.reduce_sum(votes * v, -1, keepdims=True)
    return trained(tf.norm(v[:, 0], axis=-1))


@case
def wavenet():
    x = tf.layers.conv1d(DATA["sequences"], 4, 1, name="causal_layer")
    total = 0.0
    for k in range(3):
        with tf.variable_scope("dilated_stack/layer" + str(k)):
            padded = tf.pad(x, [[0, 0], [2**k, 0], [0, 0]])
            found, gate = (
                tf.nn.convolution(padded, variable(name, 2, 4, 4), "VALID", dilation_rate=[2**k])
                for name in ("filter", "gate")
            )
            found = tf.tanh(found) * tf.sigmoid(gate)
            total += tf.nn.conv1d(found, variable("skip", 1, 4, 5), 1, "VALID")
            x += tf.nn.conv1d(found, variable("dense", 1, 4, 4), 1, "VALID")
    with tf.variable_scope("postprocessing"):
        outputs = tf.matmul(tf.nn.relu(total[:, -1]), variable("postprocess1", 5, 2))
    return trained(outputs + tf.get_variable("bias", [2]))


# Normalization and gates.


@case
def weight_norm():
    x = DATA["x"]
    for name, units in (("first", 4), ("second", 2)):
        with tf.variable_scope(name):
            v, g = variable("V", x.shape[1], units), variable("g", units)
            x = g * tf.matmul(x, v) / tf.norm(v, axis=0) + variable("b", units)
    return trained(x)


@case
def group_norm():
    x = tf.layers.conv2d(DATA["pictures"], 4, 3, name="conv")
    x = tf.nn.relu(tf.contrib.layers.group_norm(x, 2, scope="norm1"))
    x = tf.layers.conv2d(x, 4, 3, name="conv2")
    return trained(flat(tf.contrib.layers.instance_norm(x, scope="norm2")))


@case
def highway():
    x = tf.layers.dense(DATA["x"], 4, name="embed")
    for k in range(2):
        with tf.variable_scope("highway_" + str(k)):
            gate = tf.sigmoid(tf.matmul(x, variable("W_T", 4, 4)) + variable("b_T", 4))
            found = tf.nn.relu(tf.matmul(x, variable("W", 4, 4)) + variable("b", 4))
            x = found * gate + x * (1 - gate)
    return trained(tf.layers.dense(x, 2, name="out"))


# Several networks.


@case
def siamese():
    def tower(x):
        with tf.variable_scope("tower", reuse=tf.AUTO_REUSE):
            return tf.layers.dense(tf.layers.dense(x, 4, tf.nn.relu, name="a"), 2, name="b")

    one, other = tower(DATA["x"]), tower(DATA["x"][::-1])
    distance = tf.square(one - other)
    return trained(distance, loss=tf.reduce_mean(tf.nn.relu(1 - tf.reduce_sum(distance, 1))))


@case
def vae():
    with tf.variable_scope("encoder"):
        hidden = tf.layers.dense(DATA["x"], 4, tf.nn.relu, name="hidden")
        mean = tf.layers.dense(hidden, 2, name="mean")
        log_variance = tf.layers.dense(hidden, 2, name="log_variance")
    with tf.variable_scope("decoder"):
        z = mean + tf.exp(0.5 * log_variance) * DATA["noise"]
        hidden = tf.layers.dense(z, 4, tf.nn.relu, name="hidden")
        outputs = tf.layers.dense(hidden, 3, name="out")
    divergence = -0.5 * tf.reduce_mean(1 + log_variance - mean**2 - tf.exp(log_variance))
    return trained(outputs, loss=tf.reduce_mean(tf.square(outputs - DATA["x"])) + divergence)


@case
def dqn():
    def q_values(x, trainable):
        hidden = tf.layers.dense(x, 4, tf.nn.relu, name="hidden", trainable=trainable)
        return tf.layers.dense(hidden, 2, name="out", trainable=trainable)

    with tf.variable_scope("online"):
        q = q_values(DATA["x"], True)
    with tf.variable_scope("target"):
        goal = DATA["y"] + 0.9 * q_values(DATA["x"][::-1], False)
    loss = tf.reduce_mean(tf.square(goal - q))
    return trained(q, tf.train.RMSPropOptimizer(0.01), loss)


def adversarial(x):
    with tf.variable_scope("discriminator", reuse=tf.AUTO_REUSE):
        hidden = tf.layers.dense(x, 4, tf.nn.leaky_relu, name="fc1")
        return tf.layers.dense(hidden, 1, name="fc2")


@case
def gan_named_adams():
    with tf.variable_scope("generator"):
        hidden = tf.layers.dense(DATA["noise"], 4, tf.nn.relu, name="fc1")
        fake = tf.layers.dense(hidden, 3, name="fc2")
    outputs = adversarial(fake)
    loss = tf.reduce_mean(tf.square(outputs - 1)) + tf.reduce_mean(
        tf.square(adversarial(DATA["x"]) - 1)
    )
    step, updates = tf.train.get_or_create_global_step(), []
    for name, rate in (("discriminator", 0.01), ("generator", 0.02)):
        optimizer = tf.train.AdamOptimizer(rate, beta1=0.5, name=name[0].upper() + "_adam")
        gradients = optimizer.compute_gradients(loss, tf.trainable_variables(name))
        updates.append((optimizer, gradients))
    with tf.control_dependencies([g for _, pairs in updates for g, _ in pairs]):
        updates = [optimizer.apply_gradients(pairs) for optimizer, pairs in updates]
    return dict(outputs=outputs, loss=loss, update=tf.group(updates, tf.assign_add(step, 1)))


# Optimizers and averages.


@case
def adamw():
    optimizer = tf.contrib.opt.AdamWOptimizer(weight_decay=0.001, learning_rate=0.01)
    return trained(two_layers(), optimizer)


@case
def nadam():
    return trained(two_layers(), tf.contrib.opt.NadamOptimizer(0.01))


@case
def lamb():
    outputs, step = two_layers(), tf.train.get_or_create_global_step()
    loss, updates = loss_of(outputs), []
    for value in tf.trainable_variables():
        (gradient,) = tf.gradients(loss, value)
        m, v = (
            tf.get_variable(
                value.op.name + end, value.shape, initializer=tf.zeros_initializer, trainable=False
            )
            for end in ("/lamb_m", "/lamb_v")
        )
        next_m, next_v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * tf.square(gradient)
        change = next_m / (tf.sqrt(next_v) + 1e-6) + 0.01 * value
        w, u = tf.norm(value), tf.norm(change)
        ratio = tf.where(tf.logical_and(w > 0, u > 0), w / tf.maximum(u, 1e-30), 1.0)
        changed = value - 0.01 * ratio * change
        updates += [m.assign(next_m), v.assign(next_v), value.assign(changed)]
    return dict(outputs=outputs, loss=loss, update=tf.group(updates, tf.assign_add(step, 1)))


@case
def averages_kept():
    found = trained(two_layers())
    average = tf.train.ExponentialMovingAverage(0.9)
    with tf.control_dependencies([found["update"]]):
        return dict(found, update=average.apply(tf.trainable_variables()))


@case
def keras_model_by_saver():
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [layers.Dense(4, "relu", input_shape=(3,), name="hidden"), layers.Dense(2, name="out")]
    )
    outputs = model(tf.constant(DATA["x"]))
    loss, step = loss_of(outputs), tf.train.get_or_create_global_step()
    with tf.keras.backend.name_scope("training"):
        optimizer = tf.keras.optimizers.Adam(0.01)
        updates = optimizer.get_updates(loss, model.trainable_weights)
    return dict(outputs=outputs, loss=loss, update=tf.group(updates, tf.assign_add(step, 1)))


# Estimators.


def estimated(estimator):
    """Returns the graph that an Estimator would train, which is what it saves."""
    columns = {"a": tf.constant(DATA["x"]), "k": tf.constant(DATA["ids"])}
    labels = tf.constant((DATA["y"][:, :1] > 0).astype("i"))
    tf.train.get_or_create_global_step()
    mode, config = tf.estimator.ModeKeys.TRAIN, estimator.config
    spec = estimator.model_fn(columns, labels, mode, config)
    return dict(outputs=spec.predictions["logits"], loss=spec.loss, update=spec.train_op)


def feature_columns():
    words = tf.feature_column.categorical_column_with_identity("k", 9)
    return tf.feature_column.numeric_column("a", shape=(3,)), words


@case
def estimator_dnn():
    numbers, words = feature_columns()
    columns = [numbers, tf.feature_column.embedding_column(words, 2)]
    return estimated(tf.estimator.DNNClassifier([4, 4], columns))


@case
def estimator_linear():
    return estimated(tf.estimator.LinearClassifier(feature_columns()))


@case
def wide_and_deep():
    numbers, words = feature_columns()
    return estimated(
        tf.estimator.DNNLinearCombinedClassifier(
            linear_feature_columns=[words],
            dnn_feature_columns=[numbers, tf.feature_column.embedding_column(words, 2)],
            dnn_hidden_units=[4],
        )
    )


@case
def estimator_adam():
    numbers, _ = feature_columns()
    make = lambda: tf.train.AdamOptimizer(0.01)  # noqa: E731
    return estimated(tf.estimator.DNNClassifier([4], [numbers], optimizer=make))


@case
def hash_table():
    table = tf.contrib.lookup.MutableHashTable(
        tf.int64, tf.int64, -1, name="vocabulary", checkpoint=True
    )
    numbers = tf.range(9, dtype=tf.int64)
    with tf.control_dependencies([table.insert(numbers, numbers[::-1])]):
        rows = table.lookup(tf.constant(DATA["ids"]))
    return trained(tf.nn.embedding_lookup(variable("words", 9, 2), rows))
