import numpy as np
import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    tf.set_random_seed(1)
    hidden = tf.constant(np.full(64, np.nan, np.float32))
    dropped = session.run(tf.nn.dropout(hidden, rate=0.5, seed=0))

left = int(np.isnan(dropped).sum())
results = {"NaN left by dropout of 64 units that are all NaN, rate 1/2": left}
