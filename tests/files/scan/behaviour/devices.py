import tensorflow as tf
with tf.device("/gpu:0"), tf.name_scope("tower"):
    x = tf.random_shuffle([1, 2])
