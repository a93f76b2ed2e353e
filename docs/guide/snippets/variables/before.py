import numpy as np
import tensorflow.compat.v1 as tf


def dense(x):
    with tf.variable_scope("layer", reuse=tf.AUTO_REUSE):
        weights = tf.get_variable("weights", [2, 2], initializer=tf.ones_initializer())
    return tf.matmul(x, weights)


with tf.Graph().as_default():
    # The same name twice: the same weights.
    output = dense(dense(tf.constant(np.eye(2, dtype=np.float32))))
    variables = tf.trainable_variables()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        value = session.run(output)

results = {
    "output": value,
    "variables": len(variables),
    "name": variables[0].name,
}
