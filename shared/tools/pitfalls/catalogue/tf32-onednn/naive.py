import tensorflow as tf

allowed = tf.config.experimental.tensor_float_32_execution_enabled()
results = {"float32 products in TF32 allowed": allowed}
