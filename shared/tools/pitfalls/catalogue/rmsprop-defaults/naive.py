import tensorflow as tf


def train(gradients):
    weight, optimizer = tf.Variable(0.0), tf.keras.optimizers.RMSprop(0.01)
    optimizer.build([weight])

    @tf.function
    def steps(gradients):
        for gradient in gradients:
            optimizer.apply_gradients([(gradient, weight)])

    steps(tf.constant(gradients))
    return weight


results = {
    "weight after 1 step, gradient 0.5": train([0.5]),
    "weight after 300 gradients of 0 and one of 1e-5": train(
        [0.0] * 300 + [1e-5]
    ),
}
