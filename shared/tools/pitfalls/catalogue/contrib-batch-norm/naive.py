import tensorflow as tf

layer = tf.keras.layers.BatchNormalization()
normalized = layer(tf.constant([[0.0], [2.0]]), training=True)

results = {
    "2 of a batch 0 2, normalized": normalized[1, 0],
    "moving mean after that batch": layer.moving_mean[0],
    "trained variables": len(layer.trainable_variables),
}
