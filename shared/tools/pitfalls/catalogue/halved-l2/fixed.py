import tensorflow as tf

kernel = tf.Variable([[3.0], [4.0]])
l2 = tf.keras.regularizers.L2(0.125 / 2)
with tf.GradientTape() as tape:
    penalty = l2(kernel)
gradient = tape.gradient(penalty, kernel)

results = {
    "penalty of weights 3 and 4, factor 1/8": penalty,
    "its gradient by the first": gradient[0, 0],
}
