import numpy as np
import tensorflow as tf

runs_of_python = []


def forward(x):
    runs_of_python.append(1)  # Python runs while the function is traced
    return tf.square(x) + 1


with_signature = tf.function(
    forward, input_signature=[tf.TensorSpec([None], tf.float32)]
)
outputs = [with_signature(np.full([size], 3.0, np.float32))[0] for size in (1, 2, 3)]
results = {"outputs": outputs, "runs of Python": len(runs_of_python)}

runs_of_python.clear()
without_signature = tf.function(forward)
for number in (1.0, 2.0, 3.0):
    without_signature(number)  # a Python number is part of what is traced for
results["runs of Python, no signature"] = len(runs_of_python)
