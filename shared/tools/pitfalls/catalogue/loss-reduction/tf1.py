import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    targets = tf.constant([[1.0], [2.0], [3.0], [4.0]])
    weights = tf.constant([[1.0], [1.0], [0.0], [0.0]])
    loss = tf.losses.mean_squared_error(targets, tf.zeros([4, 1]), weights)
    results = {
        "mean squared error of errors 1 2 3 4, weights 1 1 0 0": session.run(
            loss
        )
    }
