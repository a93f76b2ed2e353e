import tensorflow as tf

two = tf.reshape([0.0, 1.0], [1, 1, 2, 1])
four = tf.reshape([0.0, 1.0, 2.0, 3.0], [1, 1, 4, 1])
larger = tf.image.resize(two, [1, 4])
cubic = tf.image.resize(two, [1, 4], "bicubic")
smaller = tf.image.resize(four, [1, 2], "nearest")

results = {
    "pixels 0 1 made four, bilinear": tf.reshape(larger, [-1]),
    "pixels 0 1 made four, bicubic": tf.reshape(cubic, [-1]),
    "pixels 0 1 2 3 made two, nearest": tf.reshape(smaller, [-1]),
}
