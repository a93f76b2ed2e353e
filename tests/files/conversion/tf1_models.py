"""Small models of many kinds, trained and saved by real TensorFlow 1.15.

    python tf1_models.py write FOLDER [CASE ...]   trains five updates, saves, trains ten more
    python tf1_models.py check FOLDER CASE ...     restores FOLDER/CASE/back, and predicts

`write` makes FOLDER/data.npz (the inputs of all) and, for each case, FOLDER/CASE/model-5 and
FOLDER/CASE/io.npz: outputs at the checkpoint, and the losses of the ten updates behind it. `check`
prints, for each case, the largest difference to these outputs.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tf1_networks  # noqa: F401  adds its cases
from tf1_cases import CASES, DATA, case, flat, last, loss_of, rnn, trained, two_layers

tf.logging.set_verbosity(tf.logging.ERROR)
# Optimizers.


@case
def adam():
    return trained(two_layers())


@case
def sgd():
    return trained(two_layers(), tf.train.GradientDescentOptimizer(0.1))


@case
def momentum():
    return trained(two_layers(), tf.train.MomentumOptimizer(0.1, 0.9))


@case
def nesterov():
    return trained(two_layers(), tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True))


@case
def rmsprop():
    return trained(two_layers(), tf.train.RMSPropOptimizer(0.01, momentum=0.5))


@case
def rmsprop_centered():
    return trained(two_layers(), tf.train.RMSPropOptimizer(0.01, momentum=0.5, centered=True))


@case
def adagrad():
    return trained(two_layers(), tf.train.AdagradOptimizer(0.1))


@case
def adadelta():
    return trained(two_layers(), tf.train.AdadeltaOptimizer(1.0, 0.95, 1e-6))


@case
def ftrl():
    return trained(two_layers(), tf.train.FtrlOptimizer(0.1))


@case
def proximal_adagrad():
    return trained(two_layers(), tf.train.ProximalAdagradOptimizer(0.1))


@case
def adamax():
    return trained(two_layers(), tf.contrib.opt.AdaMaxOptimizer(0.01))


@case
def adam_named():
    return trained(two_layers(), tf.train.AdamOptimizer(0.01, name="MyAdam"))


@case
def momentum_named():
    return trained(two_layers(), tf.train.MomentumOptimizer(0.1, 0.9, name="Opt"))


@case
def adam_in_a_scope():
    outputs = two_layers()
    with tf.variable_scope("training"):
        return trained(outputs)


@case
def adam_betas():
    return trained(two_layers(), tf.train.AdamOptimizer(0.01, beta1=0.5, beta2=0.98))


@case
def adam_int32_step():
    outputs = two_layers()
    step = tf.Variable(0, name="step_count", dtype=tf.int32, trainable=False)
    loss = loss_of(outputs)
    update = tf.train.AdamOptimizer(0.01).minimize(loss, step)
    return dict(outputs=outputs, loss=loss, update=update)


@case
def bert_adam():
    outputs, step = two_layers(), tf.train.get_or_create_global_step()
    loss, updates = loss_of(outputs), []
    for variable, gradient in zip(
        tf.trainable_variables(), tf.gradients(loss, tf.trainable_variables())
    ):
        m, v = (
            tf.get_variable(
                variable.op.name + end,
                variable.shape,
                initializer=tf.zeros_initializer(),
                trainable=False,
            )
            for end in ("/adam_m", "/adam_v")
        )
        next_m, next_v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient * gradient
        change = next_m / (tf.sqrt(next_v) + 1e-6) + 0.01 * variable
        updates += [m.assign(next_m), v.assign(next_v), variable.assign(variable - 0.01 * change)]
    return dict(outputs=outputs, loss=loss, update=tf.group(updates, tf.assign_add(step, 1)))


@case
def two_adams():
    with tf.variable_scope("g"):
        middle = tf.layers.dense(DATA["x"], 3, name="fc")
    with tf.variable_scope("d"):
        outputs = tf.layers.dense(middle, 3, name="fc")[:, :2]
    loss, step = loss_of(outputs), tf.train.get_or_create_global_step()
    updates = [
        tf.train.AdamOptimizer(rate, beta1=0.5).minimize(
            loss, var_list=tf.trainable_variables(scope)
        )
        for scope, rate in (("d", 0.01), ("g", 0.02))
    ]
    return dict(outputs=outputs, loss=loss, update=tf.group(updates, tf.assign_add(step, 1)))


# Recurrent cells.


@case
def basic_rnn():
    return rnn(tf.nn.rnn_cell.BasicRNNCell(4))


@case
def basic_lstm():
    return rnn(tf.nn.rnn_cell.BasicLSTMCell(4))


@case
def lstm():
    return rnn(tf.nn.rnn_cell.LSTMCell(4))


@case
def lstm_momentum():
    cell = tf.nn.rnn_cell.LSTMCell(4)
    outputs = last(tf.nn.dynamic_rnn(cell, DATA["sequences"], dtype=tf.float32)[0])
    return trained(outputs, tf.train.MomentumOptimizer(0.1, 0.9))


@case
def lstm_static():
    inputs = tf.unstack(tf.constant(DATA["sequences"]), axis=1)
    outputs, _ = tf.nn.static_rnn(tf.nn.rnn_cell.BasicLSTMCell(4), inputs, dtype=tf.float32)
    return trained(tf.layers.dense(outputs[-1], 2, name="out"))


@case
def lstm_block():
    return rnn(tf.contrib.rnn.LSTMBlockCell(4))


@case
def lstm_peepholes():
    return rnn(tf.nn.rnn_cell.LSTMCell(4, use_peepholes=True))


@case
def lstm_projection():
    return rnn(tf.nn.rnn_cell.LSTMCell(4, num_proj=2))


@case
def gru():
    return rnn(tf.nn.rnn_cell.GRUCell(4))


@case
def lstm_stack():
    cells = [tf.nn.rnn_cell.LSTMCell(3) for _ in range(3)]
    return rnn(tf.nn.rnn_cell.MultiRNNCell(cells))


@case
def gru_stack():
    return rnn(tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.GRUCell(3) for _ in range(2)]))


@case
def lstm_stacked_cells():
    cells = [tf.nn.rnn_cell.LSTMCell(3) for _ in range(2)]
    return rnn(tf.nn.rnn_cell.MultiRNNCell(cells))


@case
def bidirectional_lstm():
    cells = [tf.nn.rnn_cell.LSTMCell(4) for _ in range(2)]
    (forward, backward), _ = tf.nn.bidirectional_dynamic_rnn(
        *cells, inputs=tf.constant(DATA["sequences"]), dtype=tf.float32
    )
    both = tf.concat([forward[:, -1], backward[:, 0]], -1)
    return trained(tf.layers.dense(both, 2, name="out"))


@case
def encoder_decoder():
    with tf.variable_scope("encoder"):
        outputs, _ = tf.nn.dynamic_rnn(
            tf.nn.rnn_cell.LSTMCell(3), DATA["sequences"], dtype=tf.float32
        )
    with tf.variable_scope("decoder"):
        outputs, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.LSTMCell(3), outputs, dtype=tf.float32)
    return trained(last(outputs))


@case
def cudnn_lstm():
    return rnn(tf.contrib.cudnn_rnn.CudnnCompatibleLSTMCell(4))


@case
def cudnn_gru():
    # Only predicts: of CuDNN's two biases a checkpoint has the sum, which trains otherwise.
    cell = tf.contrib.cudnn_rnn.CudnnCompatibleGRUCell(4)
    outputs = last(tf.nn.dynamic_rnn(cell, DATA["sequences"], dtype=tf.float32)[0])
    return trained(outputs, tf.train.GradientDescentOptimizer(0.1))


@case
def keras_lstm_by_saver():
    # Keras of 1.15 has another recurrent activation by default, which a port must have too.
    layer = tf.keras.layers.LSTM(4, recurrent_activation="sigmoid", name="lstm")
    outputs = layer(tf.constant(DATA["sequences"]))
    return trained(tf.layers.dense(outputs, 2, name="out"))


# Convolutions, normalization, embeddings.


@case
def convolution():
    pictures = tf.layers.conv2d(DATA["pictures"], 3, 3, activation=tf.nn.relu, name="conv")
    return trained(flat(pictures))


@case
def transposed_convolution():
    pictures = tf.layers.conv2d_transpose(DATA["pictures"], 3, 3, name="deconv")
    return trained(flat(pictures))


@case
def separable_convolution():
    pictures = tf.layers.separable_conv2d(
        DATA["pictures"], 3, 3, depth_multiplier=2, name="separable"
    )
    return trained(flat(pictures))


@case
def slim_separable_convolution():
    pictures = tf.contrib.layers.separable_conv2d(
        DATA["pictures"], 3, 3, depth_multiplier=2, activation_fn=None, scope="separable"
    )
    return trained(flat(pictures))


@case
def convolution_1d():
    outputs = tf.layers.conv1d(DATA["sequences"], 4, 2, name="conv")
    return trained(last(outputs))


@case
def channels_first():
    pictures = tf.layers.conv2d(DATA["pictures"], 3, 3, name="conv")
    return trained(flat(tf.transpose(pictures, [0, 3, 1, 2])))


def normalized(**options):
    hidden = tf.layers.dense(DATA["x"], 4, name="hidden", use_bias=False)
    hidden = tf.layers.batch_normalization(
        hidden, training=True, name="norm", momentum=0.9, **options
    )
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    found = trained(tf.layers.dense(hidden, 2, name="out"))
    return dict(found, update=tf.group(found["update"], updates))


@case
def batch_norm():
    return normalized()


@case
def batch_norm_without_gamma():
    return normalized(scale=False)


@case
def slim_batch_norm():
    hidden = tf.contrib.layers.fully_connected(
        DATA["x"],
        4,
        normalizer_fn=tf.contrib.layers.batch_norm,
        normalizer_params=dict(is_training=True, updates_collections=None, decay=0.9),
        scope="hidden",
    )
    return trained(tf.contrib.layers.fully_connected(hidden, 2, None, scope="out"))


@case
def slim_batch_norm_zero_debias():
    hidden = tf.contrib.layers.fully_connected(
        DATA["x"],
        4,
        normalizer_fn=tf.contrib.layers.batch_norm,
        normalizer_params=dict(
            is_training=True, updates_collections=None, decay=0.9, zero_debias_moving_mean=True
        ),
        scope="hidden",
    )
    return trained(tf.contrib.layers.fully_connected(hidden, 2, None, scope="out"))


@case
def layer_norm():
    hidden = tf.layers.dense(DATA["x"], 4, name="hidden")
    hidden = tf.contrib.layers.layer_norm(hidden, scope="norm")
    return trained(tf.layers.dense(hidden, 2, name="out"))


@case
def embedding():
    table = tf.get_variable("table", [9, 2])
    return trained(tf.nn.embedding_lookup(table, DATA["ids"]), tf.train.AdagradOptimizer(0.1))


def partitioned(strategy):
    with tf.variable_scope("words", partitioner=tf.fixed_size_partitioner(4)):
        table = tf.get_variable("table", [9, 2])
    outputs = tf.nn.embedding_lookup(table, DATA["ids"], partition_strategy=strategy)
    return trained(outputs, tf.train.AdagradOptimizer(0.1))


@case
def partitioned_mod():
    return partitioned("mod")


@case
def partitioned_div():
    return partitioned("div")


# Programs and files.


@case
def slim_names():
    with tf.variable_scope("net"):
        hidden = tf.contrib.layers.fully_connected(DATA["x"], 4, tf.nn.relu, scope="fc1")
        return trained(tf.contrib.layers.fully_connected(hidden, 2, None, scope="fc2"))


@case
def automatic_names():
    hidden = tf.layers.dense(tf.layers.dense(DATA["x"], 3, tf.nn.relu), 3, tf.nn.relu)
    return trained(tf.layers.dense(hidden, 2))


@case
def raw_variables():
    random = tf.random_normal_initializer(stddev=0.5, seed=1)
    w1, b1 = tf.get_variable("w1", [3, 4], initializer=random), tf.get_variable("b1", [4])
    w2, b2 = tf.get_variable("w2", [4, 2], initializer=random), tf.get_variable("b2", [2])
    return trained(tf.matmul(tf.nn.relu(tf.matmul(DATA["x"], w1) + b1), w2) + b2)


@case
def deep_residual():
    outputs = tf.layers.dense(DATA["x"], 4, name="in")
    for block in range(6):
        with tf.variable_scope(f"block_{block}"):
            outputs += tf.layers.dense(outputs, 4, tf.nn.relu, name="a")
    return trained(tf.layers.dense(outputs, 2, name="out"), tf.train.MomentumOptimizer(0.01, 0.9))


@case
def float64():
    hidden = tf.layers.dense(tf.constant(DATA["x"], tf.float64), 4, tf.nn.relu, name="hidden")
    outputs = tf.layers.dense(hidden, 2, name="out")
    loss = tf.reduce_mean(tf.square(outputs - DATA["y"].astype("d")))
    update = tf.train.GradientDescentOptimizer(0.1).minimize(
        loss, tf.train.get_or_create_global_step()
    )
    return dict(outputs=outputs, loss=loss, update=update)


@case
def averages():
    found = trained(two_layers(), tf.train.GradientDescentOptimizer(0.1))
    average = tf.train.ExponentialMovingAverage(0.9)
    with tf.control_dependencies([found["update"]]):
        return dict(found, update=average.apply(tf.trainable_variables()))


@case
def v1_format():
    return dict(trained(two_layers()), version=tf.train.SaverDef.V1)


@case
def sharded():
    with tf.device("/cpu:0"):
        hidden = tf.layers.dense(DATA["x"], 4, tf.nn.relu, name="hidden")
    with tf.device("/cpu:1"):
        return dict(trained(tf.layers.dense(hidden, 2, name="out")), sharded=True)


@case
def without_a_step():
    outputs = two_layers()
    loss = loss_of(outputs)
    return dict(outputs=outputs, loss=loss, update=tf.train.AdamOptimizer(0.01).minimize(loss))


@case
def frozen_layer():
    hidden = tf.layers.dense(DATA["x"], 4, tf.nn.relu, name="hidden", trainable=False)
    return trained(tf.layers.dense(hidden, 2, name="out"))


def built(name):
    """Returns the case's model, a Saver and a session."""
    tf.reset_default_graph()
    tf.set_random_seed(1)
    model = CASES[name]()
    saver = tf.train.Saver(
        write_version=model.get("version", tf.train.SaverDef.V2),
        sharded=model.get("sharded", False),
    )
    config = tf.ConfigProto(device_count={"CPU": 2}, allow_soft_placement=True)
    return model, saver, tf.Session(config=config)


def write(folder, names):
    """Trains, saves and goes on training."""
    if not os.path.isdir(folder):
        os.makedirs(folder)
    np.savez(os.path.join(folder, "data.npz"), **DATA)
    for name in names or CASES:
        model, saver, session = built(name)
        with session:
            session.run(tf.global_variables_initializer())
            for _ in range(5):
                session.run(model["update"])
            prefix = os.path.join(folder, name, "model")
            if not os.path.isdir(os.path.dirname(prefix)):
                os.makedirs(os.path.dirname(prefix))
            saver.save(session, prefix, global_step=5)
            outputs, losses = session.run(model["outputs"]), []
            for _ in range(10):
                session.run(model["update"])
                losses.append(session.run(model["loss"]))
            np.savez(os.path.join(folder, name, "io.npz"), outputs=outputs, losses=losses)
        print("written", name)


def check(folder, names):
    """Restores what was converted back, and predicts."""
    for name in names:
        model, saver, session = built(name)
        with session:
            saver.restore(session, os.path.join(folder, name, "back"))
            outputs = session.run(model["outputs"])
        expected = np.load(os.path.join(folder, name, "io.npz"))["outputs"]
        print("checked", name, np.abs(outputs - expected).max())


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](sys.argv[2], sys.argv[3:])
