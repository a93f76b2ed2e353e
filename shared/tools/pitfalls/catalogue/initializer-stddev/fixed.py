import numpy as np
import tensorflow as tf

normal = tf.random_normal_initializer(stddev=1.0, seed=1)([10000])
truncated = tf.keras.initializers.TruncatedNormal(stddev=1.0, seed=1)([10000])

results = {
    "standard deviation of random_normal_initializer()": np.std(normal),
    "standard deviation of the truncated normal initializer": np.std(
        truncated
    ),
}
