import tensorflow as tf

x = tf.constant([[0.0], [2.0]])
layer = tf.keras.layers.BatchNormalization(momentum=0.5)
layer.trainable = False
head = tf.Variable(1.0)
optimizer = tf.keras.optimizers.SGD(0.125)

with tf.GradientTape() as tape:
    normalized = layer(x, training=True)
    loss = tf.reduce_sum(tf.square(head * normalized))
variables = [head, *layer.trainable_variables]
optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))

results = {
    "2 of a batch 0 2, normalized by a frozen layer": normalized[1, 0],
    "moving mean after that batch, momentum 1/2": layer.moving_mean[0],
    "gamma after a step": layer.gamma[0],
}
