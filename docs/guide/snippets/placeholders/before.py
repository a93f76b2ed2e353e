import numpy as np
import tensorflow.compat.v1 as tf

batch = np.arange(6, dtype=np.float32).reshape(2, 3)

with tf.Graph().as_default():
    images = tf.placeholder(tf.float32, [None, 3], name="images")
    scale = tf.placeholder_with_default(2.0, [], name="scale")
    logits = tf.reduce_sum(images, axis=1) * scale

    with tf.Session() as session:
        plain = session.run(logits, feed_dict={images: batch})
        scaled = session.run(logits, feed_dict={images: batch, scale: 10.0})
        longer = session.run(logits, feed_dict={images: np.ones([3, 3], np.float32)})

results = {"default scale": plain, "scale 10": scaled, "batch of 3": longer}
