import numpy as np
import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    normal = session.run(tf.random_normal_initializer(seed=1)([10000]))
    truncated = session.run(tf.truncated_normal_initializer(seed=1)([10000]))

results = {
    "standard deviation of random_normal_initializer()": np.std(normal),
    "standard deviation of the truncated normal initializer": np.std(
        truncated
    ),
}
