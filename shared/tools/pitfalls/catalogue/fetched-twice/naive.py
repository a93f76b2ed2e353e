import tensorflow as tf

batches_left = iter(tf.data.Dataset.range(1, 100))
weight = tf.Variable(0.0)
optimizer = tf.keras.optimizers.SGD(0.125)


def loss():
    batch = next(batches_left)  # taken anew at every call
    return weight * tf.cast(batch, tf.float32), batch


batches = []
for _ in range(3):
    _, number = loss()  # to log it
    batches.append(number)
    with tf.GradientTape() as tape:
        value, _ = loss()
    optimizer.apply_gradients([(tape.gradient(value, weight), weight)])

results = {
    "batches of which the loss was logged": batches,
    "weight after 3 steps of rate 1/8": weight,
}
