import tensorflow as tf
tf.set_random_seed(1)
x = tf.random_normal([2], seed=3)
y = tf.random_uniform([2])
