import numpy as np
import tensorflow as tf

tf.random.set_seed(1)
hidden = tf.fill([64], float("nan"))
dropped = tf.nn.dropout(hidden, rate=0.5, seed=0)

left = int(np.isnan(dropped).sum())
results = {"NaN left by dropout of 64 units that are all NaN, rate 1/2": left}
