"""Many training steps per call, for models whose steps are many small operations.

No twin: a run of a Session is one step.
"""

from __future__ import annotations

import tensorflow as tf

STEPS_AT_ONCE = 5  # that one thread makes in a call; more gain little and take longer to trace


def on_rows(train_step, parts):
    """Trains on rows of examples, many steps per call, in one thread; yields the losses [steps].

    TensorFlow hands every operation that is ready to a pool of threads, which takes longer than an
    operation of a few microseconds itself. A second executor of TensorFlow runs the operations of
    a function in the calling thread, in a fixed order; a large one may still use several threads
    for its own work. The kernels are the same. docs/speed.md tells what is gained and lost.

    With a GPU, for which one thread would have to wait, the loop runs step by step in the usual
    executor; where functions run eagerly, every step does.

    Args:
        train_step: a tf.function with a signature that trains on one batch and returns its loss, a
            float32 scalar; or a plain function like it, which is called step by step.
        parts: yields, for each call, rows and examples: numbers of examples, int64 [steps, batch],
            and tensors [n, ...] in the order of the signature, from which a step gathers its batch.
    """
    train_rows = function_of_rows(train_step)
    for rows, *examples in parts:
        yield train_rows(rows, *examples)


def function_of_rows(train_step):
    """Returns a function of rows and examples that trains as `on_rows` does, returns the losses."""
    if tf.config.functions_run_eagerly() or not hasattr(train_step, "get_concrete_function"):
        return lambda rows, *examples: tf.stack(
            [train_step(*_batch(row, examples)) for row in rows]
        )
    signature, _ = train_step.get_concrete_function().structured_input_signature
    examples = [tf.TensorSpec([None, *each.shape[1:]], each.dtype) for each in signature]
    rows = tf.TensorSpec([None, None], tf.int64)

    # There is nothing for AutoGraph to rewrite; without it the first call is faster.
    @tf.function(input_signature=[rows, *examples], autograph=False)
    def train_rows(rows, *examples):
        steps = tf.shape(rows)[0]
        losses, first_of_rest = tf.TensorArray(tf.float32, steps), tf.constant(0)
        if not (tf.executing_eagerly() or tf.config.list_logical_devices("GPU")):
            first_of_rest = steps - steps % STEPS_AT_ONCE
            losses = _in_one_thread(train_step, losses, first_of_rest, rows, examples)

        def make_one(step, losses):
            return step + 1, losses.write(step, train_step(*_batch(rows[step], examples)))

        _, losses = tf.while_loop(lambda step, _: step < steps, make_one, [first_of_rest, losses])
        return losses.stack()

    return train_rows


def _batch(row, examples):
    return [tf.gather(each, row) for each in examples]


def _in_one_thread(train_step, losses, end, rows, examples):
    """Makes the steps before `end`, a multiple of STEPS_AT_ONCE; returns the losses, written."""

    def make_steps(first, rows, *examples):
        # `rows[first : first + 5]` has a size that XLA cannot tell before it runs.
        size = [STEPS_AT_ONCE, tf.shape(rows)[1]]
        of_steps = tf.unstack(tf.slice(rows, [first, 0], size), STEPS_AT_ONCE)
        return [train_step(*_batch(row, examples)) for row in of_steps]

    specs = [tf.TensorSpec(each.shape, each.dtype) for each in (rows, *examples)]
    function = tf.function(make_steps, autograph=False)
    traced = function.get_concrete_function(tf.TensorSpec([], tf.int32), *specs)

    def make_several(first, losses):
        found = tf.raw_ops.StatefulPartitionedCall(
            args=[first, rows, *examples, *traced.captured_inputs],  # its variables come last
            Tout=[each.dtype for each in traced.outputs],
            f=traced,
            executor_type="SINGLE_THREADED_EXECUTOR",  # TensorFlow's documentation does not list it
        )
        for place in range(STEPS_AT_ONCE):
            losses = losses.write(first + place, found[place])
        return first + STEPS_AT_ONCE, losses

    return tf.while_loop(lambda first, _: first < end, make_several, [0, losses])[1]
