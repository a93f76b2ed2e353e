import numpy as np
import tensorflow.compat.v1 as tf

batch = np.array([[1.0, -2.0]], np.float32)

with tf.Graph().as_default():
    images = tf.placeholder(tf.float32, [None, 2])
    hidden = tf.layers.dense(
        images,
        3,
        activation=tf.nn.relu,
        kernel_initializer=tf.ones_initializer(),
        name="hidden",
    )
    logits = tf.layers.dense(
        hidden + 1, 1, kernel_initializer=tf.ones_initializer(), name="logits"
    )
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        value = session.run(logits, {images: batch})
        names = [variable.op.name for variable in tf.trainable_variables()]

results = {"logits": value, "variables": names}
