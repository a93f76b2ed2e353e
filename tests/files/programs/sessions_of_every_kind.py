"""One small model for each way in which TensorFlow 1 runs a graph; prints each step's loss."""

import shutil
import tempfile
import threading

import numpy as np
import tensorflow as tf


def model(name, x, y):
    """Returns loss and train operation of a line through points [batch, 3]."""
    w = tf.get_variable(name, [3, 1], initializer=tf.ones_initializer())
    loss = tf.reduce_mean(tf.square(tf.matmul(x, w) - y))
    step = tf.train.get_or_create_global_step()
    return loss, tf.train.MomentumOptimizer(0.01, 0.9).minimize(loss, step)


def points(number):
    """Returns the inputs and targets of a batch."""
    x = np.random.RandomState(number).rand(4, 3).astype("float32")
    return x, x.sum(1, keepdims=True)


def fed(name):
    """Returns the placeholders, loss and train operation of a model."""
    x, y = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.float32, [None, 1])
    return (x, y, *model(name, x, y))


class Tell(tf.train.SessionRunHook):
    def __init__(self, loss):
        self.loss = loss

    def before_run(self, context):
        return tf.train.SessionRunArgs({"loss": self.loss})

    def after_run(self, context, values):
        print("hook", repr(values.results["loss"]))


with tf.Graph().as_default():
    x, y, loss, train = fed("monitored")
    hooks = [Tell(loss), tf.train.StopAtStepHook(3)]
    folder = tempfile.mkdtemp()
    with tf.train.MonitoredTrainingSession(hooks=hooks, checkpoint_dir=folder) as session:
        while not session.should_stop():
            session.run(train, dict(zip((x, y), points(1))))
    shutil.rmtree(folder)

with tf.Graph().as_default():
    x, y, loss, train = fed("supervised")
    with tf.train.Supervisor(logdir=None).managed_session() as session:
        for _ in range(2):
            print("supervisor", repr(session.run([train, loss], dict(zip((x, y), points(2))))[1]))

with tf.Graph().as_default(), tf.Session() as session:
    data = np.concatenate([points(n)[0] for n in range(6)])
    example = tf.train.slice_input_producer([data], shuffle=False)[0]
    x = tf.train.batch([example], 4)
    loss, train = model("queued", x, tf.reduce_sum(x, 1, keepdims=True))
    session.run(tf.global_variables_initializer())
    coordinator = tf.train.Coordinator()
    threads = tf.train.start_queue_runners(session, coordinator)
    for _ in range(2):
        print("queue", repr(session.run({"seen": (loss, train)})["seen"][0]))
    print("queue", repr(session.make_callable([loss, train])()[0]))  # without feeds: no `run` in it
    coordinator.request_stop()
    coordinator.join(threads, stop_grace_period_secs=5)

graph = tf.Graph()
with graph.as_default():
    x, y, loss, train = fed("threaded")
    session = tf.Session(graph=graph)
    session.run(tf.global_variables_initializer())


def work(number):
    feeds = dict(zip((x, y), points(number)))
    print("thread", repr(session.run([loss, train], feeds)[0]))


for number in range(2):
    thread = threading.Thread(target=work, args=(number,))
    thread.start()
    thread.join()
call = session.make_callable([loss, train], [x, y])
print("callable", repr(call(*points(3))[0]))

tf.keras.backend.clear_session()
keras = tf.keras.Sequential(
    [tf.keras.layers.Dense(1, "relu", True, "ones", input_shape=(3,), name="dense")]
)
keras.compile(tf.keras.optimizers.Adam(0.01), "mse")
for number in range(2):
    print("keras", repr(np.float32(keras.train_on_batch(*points(number)))))
