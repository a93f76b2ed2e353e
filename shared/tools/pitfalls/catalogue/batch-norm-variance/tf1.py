import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    images = tf.reshape([1.0, 2.0, 3.0, 4.0], [4, 1, 1, 1])
    if tf.__version__.startswith("1."):
        tf.layers.batch_normalization(images, momentum=0.0, training=True)
        session.run(tf.global_variables_initializer())
        session.run(tf.get_collection(tf.GraphKeys.UPDATE_OPS))
        (variance,) = [
            v for v in tf.global_variables() if "moving_variance" in v.name
        ]
    else:  # the layer is gone; the kernel that it used is there
        _, _, variance = tf.nn.fused_batch_norm(
            images, scale=[1.0], offset=[0.0]
        )
    variance = session.run(variance)[0]

results = {"moving variance after a batch of 1 2 3 4, momentum 0": variance}
