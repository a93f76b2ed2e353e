import tensorflow as tf


def is_tf32_allowed():
    try:
        return tf.config.experimental.tensor_float_32_execution_enabled()
    except AttributeError:  # TensorFlow 1 knows float32 only
        return False


results = {"float32 products in TF32 allowed": is_tf32_allowed()}
