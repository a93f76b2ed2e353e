import tensorflow as tf
def pick(name):
    return getattr(tf.nn, name)
def activation(config):
    return getattr(tf.train, config["optimizer"] + "Optimizer")(0.1)
