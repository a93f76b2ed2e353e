"""A custom loop of TensorFlow 2: tf.data, tf.function, GradientTape and Keras's Adam."""

import numpy as np
import tensorflow as tf

tf.random.set_seed(3)
random = np.random.RandomState(0)
xs = random.rand(24, 5).astype(np.float32)
ys = random.randint(0, 3, 24)
w = tf.Variable(random.rand(5, 3).astype(np.float32), name="w")
b = tf.Variable(tf.zeros([3]), name="b")
optimizer = tf.keras.optimizers.Adam(0.05)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        logits = tf.matmul(tf.nn.dropout(x, 0.2), w) + b
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        loss = tf.reduce_mean(each)
    gradients = tape.gradient(loss, [w, b])
    optimizer.apply_gradients(zip(gradients, [w, b]))
    return loss


for step, (x, y) in enumerate(tf.data.Dataset.from_tensor_slices((xs, ys)).batch(4)):
    print(step, repr(train_step(x, y).numpy()))
print(repr(w.numpy()))
