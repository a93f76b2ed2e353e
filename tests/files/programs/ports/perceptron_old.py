"""A perceptron on tf.data, with Adam and a weight decay in the loss."""

import numpy as np
import tensorflow as tf

random = np.random.RandomState(2)
xs = random.normal(size=(96, 6)).astype("float32")
ys = random.randint(0, 3, 96)
data = tf.data.Dataset.from_tensor_slices((xs, ys)).batch(16)
x, y = tf.data.make_one_shot_iterator(data).get_next()


def layer(inputs, units, name):
    with tf.variable_scope(name):
        start = random.normal(0, 0.5, (int(inputs.shape[1]), units)).astype("float32")
        weights = tf.get_variable("weights", initializer=start)
        return tf.matmul(inputs, weights) + tf.get_variable("biases", initializer=tf.zeros([units]))


logits = layer(tf.nn.relu(layer(x, 8, "hidden")), 3, "output")
decay = tf.add_n([tf.nn.l2_loss(v) for v in tf.trainable_variables() if "weights" in v.name])
each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
loss = tf.reduce_mean(each) + 0.02 * decay
train = tf.train.AdamOptimizer(0.01).minimize(loss)
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    while True:
        try:
            session.run(train)
        except tf.errors.OutOfRangeError:
            break
