import os
import tempfile

import tensorflow.compat.v1 as tf

directory = tempfile.mkdtemp()


def build():
    with tf.variable_scope("layer"):
        return tf.get_variable("weights", initializer=[0.0, 0.0])


with tf.Graph().as_default():
    weights = build()
    saver = tf.train.Saver(max_to_keep=3)
    with tf.Session() as session:
        session.run(tf.assign(weights, [1.0, 2.0]))
        path = saver.save(session, os.path.join(directory, "model"), global_step=7)

with tf.Graph().as_default():  # another program, later
    weights = build()
    with tf.Session() as session:
        tf.train.Saver().restore(session, tf.train.latest_checkpoint(directory))
        restored = session.run(weights)

(key,) = (name for name, _ in tf.train.list_variables(path) if "weights" in name)
results = {"restored": restored, "file": os.path.basename(path), "key": key}
