import tensorflow as tf
is_training = tf.placeholder(tf.bool, [])
phase_train = tf.placeholder_with_default(False, [])
images = tf.placeholder(tf.float32)
