import numpy as np
import tensorflow as tf


def dropout(hidden, mask):
    return hidden * tf.cast(mask, hidden.dtype) / 0.5  # NaN * 0 is NaN


hidden = tf.fill([64], float("nan"))
mask = tf.random.stateless_uniform([64], seed=[1, 2]) < 0.5
dropped = dropout(hidden, mask)

left = int(np.isnan(dropped).sum())
results = {"NaN left by dropout of 64 units that are all NaN, rate 1/2": left}
