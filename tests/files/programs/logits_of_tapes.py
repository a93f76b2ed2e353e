"""Four ways to train whose logits a tape shows, and one that has none."""

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(1)
random = np.random.RandomState(1)
x = random.normal(size=(8, 4)).astype("float32")
y = random.randint(0, 3, 8)
w = tf.Variable(random.normal(size=(4, 3)).astype("float32"), name="w")
v = tf.Variable(random.normal(size=(4, 1)).astype("float32"), name="v")
optimizer = keras.optimizers.SGD(0.1)
other = keras.optimizers.SGD(0.1)


def show(word, *logits):
    for each in logits:
        print(word, repr([float(number) for number in np.ravel(each)[:3]]))


with tf.GradientTape() as tape:
    logits = tf.matmul(x, w)
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
optimizer.apply_gradients(zip(tape.gradient(loss, [w]), [w]))
show("eager", logits)

tf.nn.softmax_cross_entropy_with_logits(tf.one_hot(y, 3), tf.matmul(2 * x, w))  # an evaluation


@tf.function
def train_step(x):
    with tf.GradientTape() as tape:
        real, fake = tf.matmul(x, v), tf.matmul(-x, v)
        entropy = tf.nn.sigmoid_cross_entropy_with_logits
        loss = tf.reduce_mean(entropy(tf.ones_like(real), real))
        loss += tf.reduce_mean(entropy(tf.zeros_like(fake), fake))
    other.apply_gradients(zip(tape.gradient(loss, [v]), [v]))
    return real, fake


show("function", *train_step(x))

with tf.GradientTape() as tape:
    logits = tf.matmul(x, v)
    labels = tf.cast(y > 1, tf.float32)[:, None]
    loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))
other.apply_gradients(zip(tape.gradient(loss, [v]), [v]))
show("sigmoid", logits)

model = keras.Sequential([keras.layers.Dense(3)])
model.build((None, 4))
show("fit", model(x))
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.SGD(0.1), loss)
model.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)

with tf.GradientTape() as tape:
    loss = tf.reduce_mean(tf.square(tf.matmul(x, w)))
optimizer.apply_gradients(zip(tape.gradient(loss, [w]), [w]))
