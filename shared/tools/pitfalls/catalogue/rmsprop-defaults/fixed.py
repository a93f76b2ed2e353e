import tensorflow as tf


def rmsprop(weights):
    optimizer = tf.keras.optimizers.RMSprop(0.01, rho=0.9, epsilon=1e-10)
    optimizer.build(weights)
    for slot in optimizer.variables:
        if slot.path.endswith("_velocity"):
            slot.assign(tf.ones_like(slot))  # TF1 starts it at 1, Keras at 0
    return optimizer


def train(gradients):
    weight = tf.Variable(0.0)
    optimizer = rmsprop([weight])

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
