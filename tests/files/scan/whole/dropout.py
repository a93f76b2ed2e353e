import tensorflow as tf
keep = tf.placeholder(tf.float32)
y = tf.nn.dropout([1.0], keep_prob=keep)
