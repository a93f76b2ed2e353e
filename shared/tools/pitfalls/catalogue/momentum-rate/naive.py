import tensorflow as tf


def train(rates):
    weight = tf.Variable(0.0)
    optimizer = tf.keras.optimizers.SGD(rates[0], momentum=0.5)
    for rate in rates:
        optimizer.learning_rate = rate
        optimizer.apply_gradients([(tf.constant(1.0), weight)])
    return weight


results = {
    "weight after 3 steps, rate 1/2 throughout": train([0.5, 0.5, 0.5]),
    "weight after 3 steps, rate 1/2, then 1/4": train([0.5, 0.25, 0.25]),
}
