import tensorflow as tf


@tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
def logarithm(x):
    # Prints at every call; Python's print would run while tracing only.
    tf.print("x:", x)
    return tf.debugging.check_numerics(tf.math.log(x), "logarithm")


good = logarithm(1.0)
try:
    logarithm(-1.0)
except tf.errors.InvalidArgumentError as error:
    found = "logarithm : Tensor had NaN" in str(error)

results = {"good": good, "NaN found": found}
