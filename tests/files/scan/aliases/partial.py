import functools
import tensorflow as tf
conv = functools.partial(tf.layers.conv2d, padding="same")
net = conv(None, 16, 3)
