import numpy as np
import tensorflow as tf

inputs, targets = np.array([1.0, 2.0], np.float32), np.array([2.0, 5.0], np.float32)

weight = tf.Variable(0.5, name="weight")
optimizer = tf.keras.optimizers.SGD(0.05)
optimizer.build([weight])


@tf.function
def train_step():
    with tf.GradientTape() as tape:  # the forward pass and the loss stand in its block
        loss = tf.reduce_sum(tf.square(weight * inputs - targets))
    gradients = tape.gradient(loss, [weight])
    optimizer.apply_gradients(zip(gradients, [weight]))


weights = []
for _ in range(3):
    train_step()
    weights.append(weight.numpy())

results = {"weights": weights}
