import tensorflow as tf

batches_left = iter(tf.data.Dataset.range(1, 100))
weight = tf.Variable(0.0)
optimizer = tf.keras.optimizers.SGD(0.125)


@tf.function
def train_step(batch):
    with tf.GradientTape() as tape:
        loss = weight * tf.cast(batch, tf.float32)
    optimizer.apply_gradients([(tape.gradient(loss, weight), weight)])
    return loss  # what is logged comes out of the step itself


batches = []
for _ in range(3):
    number = next(batches_left)
    train_step(number)
    batches.append(number)

results = {
    "batches of which the loss was logged": batches,
    "weight after 3 steps of rate 1/8": weight,
}
