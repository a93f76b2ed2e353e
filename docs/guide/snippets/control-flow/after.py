import tensorflow as tf


@tf.function(input_signature=[tf.TensorSpec([], tf.int32)])
def collatz_steps(n):
    """How often n is halved, or replaced by 3n + 1, until it is 1."""
    steps = 0
    while n > 1:  # AutoGraph makes a loop of the graph of it, because n is a tensor
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps


results = {"steps": [collatz_steps(n) for n in (1, 6, 27)]}
