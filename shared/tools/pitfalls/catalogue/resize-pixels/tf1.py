import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    two = tf.reshape([0.0, 1.0], [1, 1, 2, 1])
    four = tf.reshape([0.0, 1.0, 2.0, 3.0], [1, 1, 4, 1])
    larger = tf.image.resize_bilinear(two, [1, 4])
    cubic = tf.image.resize_bicubic(two, [1, 4])
    smaller = tf.image.resize_nearest_neighbor(four, [1, 2])
    larger, cubic, smaller = session.run([larger, cubic, smaller])

results = {
    "pixels 0 1 made four, bilinear": larger.ravel(),
    "pixels 0 1 made four, bicubic": cubic.ravel(),
    "pixels 0 1 2 3 made two, nearest": smaller.ravel(),
}
