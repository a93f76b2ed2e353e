import tensorflow as tf

two = tf.reshape([0.0, 1.0], [1, 1, 2, 1])
four = tf.reshape([0.0, 1.0, 2.0, 3.0], [1, 1, 4, 1])
# The operations that TF1 ran; half_pixel_centers is False unless it is set.
larger = tf.raw_ops.ResizeBilinear(images=two, size=[1, 4])
cubic = tf.raw_ops.ResizeBicubic(images=two, size=[1, 4])
smaller = tf.raw_ops.ResizeNearestNeighbor(images=four, size=[1, 2])

results = {
    "pixels 0 1 made four, bilinear": tf.reshape(larger, [-1]),
    "pixels 0 1 made four, bicubic": tf.reshape(cubic, [-1]),
    "pixels 0 1 2 3 made two, nearest": tf.reshape(smaller, [-1]),
}
