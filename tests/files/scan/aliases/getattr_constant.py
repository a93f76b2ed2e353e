import tensorflow as tf
NAME = "relu"
f = getattr(tf.nn, "softmax")
g = getattr(tf, "log")
h = getattr(tf.nn, NAME)
