import tensorflow as tf
def model_fn(features, labels, mode):
    if mode == tf.estimator.ModeKeys.TRAIN:
        return tf.estimator.EstimatorSpec(mode)
tf.logging.set_verbosity(tf.logging.INFO)
est = tf.estimator.Estimator(model_fn)
