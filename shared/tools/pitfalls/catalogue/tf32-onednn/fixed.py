import os

# Read when TensorFlow is imported: set it before, or in the shell.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import tensorflow as tf

allowed_before = tf.config.experimental.tensor_float_32_execution_enabled()
tf.config.experimental.enable_tensor_float_32_execution(False)
allowed = tf.config.experimental.tensor_float_32_execution_enabled()
# Only because this process measures other pitfalls too:
tf.config.experimental.enable_tensor_float_32_execution(allowed_before)

results = {"float32 products in TF32 allowed": allowed}
