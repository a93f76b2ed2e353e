import tensorflow as tf


@tf.function
def double(x):  # the placeholder is now an argument,
    return x * 2.0


doubled = double(tf.constant(21.0))  # and the feed is what it is called with

results = {"result of a placeholder script that doubles 21": doubled}
