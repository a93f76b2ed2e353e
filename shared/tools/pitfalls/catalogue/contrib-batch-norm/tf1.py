import tensorflow.compat.v1 as tf


def batch_norm():
    with tf.Graph().as_default(), tf.Session() as session:
        from tensorflow import contrib  # left with TensorFlow 1

        batch = tf.constant([[0.0], [2.0]])
        output = contrib.layers.batch_norm(batch, is_training=True)
        session.run(tf.global_variables_initializer())
        normalized, _ = session.run(
            [output, tf.get_collection(tf.GraphKeys.UPDATE_OPS)]
        )
        moving = {v.op.name.split("/")[-1]: v for v in tf.global_variables()}
        mean = session.run(moving["moving_mean"])
        return normalized[1, 0], mean[0], len(tf.trainable_variables())


try:
    normalized, mean, trained = batch_norm()
except ImportError as error:
    normalized = mean = trained = "ImportError: " + str(error).split(" (")[0]

results = {
    "2 of a batch 0 2, normalized": normalized,
    "moving mean after that batch": mean,
    "trained variables": trained,
}
