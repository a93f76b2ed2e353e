"""The basics, the TensorFlow 1 way: tensors, operators, variables, derivatives and least squares.

Both styles print the same lines. Here every section describes a graph, and a Session runs it.

Twin:  tf2_style/basics.py
Run:   python -m tf1_style.basics
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from shared.program.command_line import exit_code_of

SERIES = [1.0, 2.0, 8.0, -1.0, 0.0, 5.5, 6.0, 13.0]
SPIKE = 5.0  # a rise by more than this


def show(label, value):
    """Prints a label and a value, fractions rounded to 4 places."""
    value = np.asarray(value)
    if value.dtype.kind == "f":
        # The last bits of float32 differ between releases. Adding 0 makes 0.0 of -0.0.
        value = np.round(value.astype(np.float64), 4) + 0.0
    print(f"  {label:<30} {value.tolist()}")


# ---- TENSORS ---------------------------------------------------------------------------------


def tensors():
    """Shows constants of several ranks, their shapes and types, and what is made of them."""
    with tf.Graph().as_default(), tf.Session() as session:
        # A tensor is a node of the graph: `print` shows its name, and a Session gets its value.
        scalar = tf.constant(2.5)
        vector = tf.constant([1, 2, 3])
        matrix = tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
        cube = tf.constant(np.arange(4.0).reshape(2, 2, 1))
        show("rank 0", session.run(scalar))
        show("rank 1, from a list", session.run(vector))
        show("rank 2", session.run(matrix))
        show("rank 3, from NumPy", session.run(cube))
        # Numbers of Python become int32 and float32; those of NumPy keep their type.
        show("types", [tensor.dtype.name for tensor in (scalar, vector, matrix, cube)])
        show("shape, known beforehand", matrix.shape.as_list())
        show("shape, as a tensor", session.run(tf.shape(matrix)))
        show("ones * 0.25", session.run(tf.ones([2, 2]) * 0.25))
        show("cast to int32", session.run(tf.cast([1.7, -1.7], tf.int32)))
        show("transpose", session.run(tf.transpose(matrix)))


# ---- OPERATORS -------------------------------------------------------------------------------


def operators():
    """Shows arithmetic, element by element but for `matmul`, and the four kinds of division."""
    with tf.Graph().as_default(), tf.Session() as session:
        a = tf.constant([[1.0, 2.0], [3.0, 4.0]])
        b = tf.constant([[5.0, 6.0], [7.0, 8.0]])
        show("add", session.run(tf.add(a, b)))
        show("subtract", session.run(tf.subtract(a, b)))
        show("multiply", session.run(tf.multiply(a, b)))
        show("matmul", session.run(tf.matmul(a, b)))
        show("pow", session.run(tf.pow(a, 2.0)))
        show("exp", session.run(tf.exp([0.0, 1.0])))
        show("sqrt", session.run(tf.sqrt([4.0, 2.0])))
        show("-7 / 2: truediv", session.run(tf.math.truediv(-7, 2)))
        show("-7 / 2: floordiv", session.run(tf.math.floordiv(-7, 2)))
        show("-7 / 2: floormod", session.run(tf.math.floormod(-7, 2)))
        show("-7 / 2: truncatediv, as in C", session.run(tf.truncatediv(-7, 2)))
        # As `/` of Python 2: whole for whole numbers. TensorFlow 2 has no `tf.div`; `tf.mod` is
        # `tf.math.mod` there, another name of floormod.
        show("tf.div of whole numbers", session.run(tf.div(-7, 2)))
        show("tf.div of fractions", session.run(tf.div(-7.0, 2.0)))
        show("tf.mod", session.run(tf.mod(-7, 2)))


# ---- VARIABLES -------------------------------------------------------------------------------


def variables():
    """Shows assignment, and finds the spikes of a series with two variables."""
    with tf.Graph().as_default(), tf.Session() as session:
        count = tf.get_variable("count", initializer=0)
        # Each assignment is an operation, made once; it happens when the Session runs it.
        set_to_two, add_five = tf.assign(count, 2), tf.assign_add(count, 5)
        session.run(count.initializer)
        show("initial value", session.run(count))
        session.run(set_to_two)
        show("assign 2", session.run(count))
        session.run(add_five)
        session.run(add_five)
        show("assign_add 5, twice", session.run(count))
        show("spikes", detect_spikes(session))


def detect_spikes(session):
    """Returns whether each value of SERIES, but the first, is more than SPIKE above the last."""
    last = tf.get_variable("last", initializer=SERIES[0])
    spike = tf.get_variable("spike", initializer=False)
    value = tf.placeholder(tf.float32, [])
    compare = tf.assign(spike, value - last > SPIKE)
    # Without this, the two assignments would run in any order.
    with tf.control_dependencies([compare]):
        remember = tf.assign(last, value)
    session.run([last.initializer, spike.initializer])
    found = []
    for number in SERIES[1:]:
        session.run(remember, {value: number})
        found.append(session.run(spike))
    return found


# ---- FUNCTIONS -------------------------------------------------------------------------------


def functions():
    """Shows a function of inputs that are not yet known when it is written."""
    with tf.Graph().as_default(), tf.Session() as session:
        # `polynomial` is called once, with a hole; a run feeds the hole, every time anew.
        x = tf.placeholder(tf.float32, [None])
        y = polynomial(x)
        show("f of three numbers", session.run(y, feed_dict={x: [0.0, 1.0, 2.0]}))
        show("f of one number", session.run(y, feed_dict={x: [-1.0]}))


def polynomial(x):
    """Returns 3x^2 - 2x + 1, element by element."""
    return 3.0 * tf.square(x) - 2.0 * x + 1.0


# ---- PROMPT ----------------------------------------------------------------------------------


def prompt():
    """Shows what one types at a prompt, where a `with` block is in the way."""
    # Becomes the default Session, which `eval` and `run` use, until it is closed.
    session = tf.InteractiveSession(graph=tf.Graph())
    x = tf.constant([1.0, 2.0, 3.0])
    show("sum", tf.reduce_sum(x).eval())
    total = tf.get_variable("total", initializer=1.0)
    total.initializer.run()
    show("assign_add", tf.assign_add(total, 2.0).eval())
    session.close()


# ---- DERIVATIVES -----------------------------------------------------------------------------


def derivatives():
    """Shows derivatives, each beside what the chain rule gives by hand."""
    with tf.Graph().as_default(), tf.Session() as session:
        x, y = tf.constant(0.5), tf.constant(3.0)
        # `tf.gradients` adds the derivative to the graph: it can be differentiated again.
        (first,) = tf.gradients(cube_of_sum(x), x)
        (second,) = tf.gradients(first, x)
        of_x, of_y = tf.gradients(x * y + tf.sin(y), [x, y])
        (unrelated,) = tf.gradients(tf.square(x), y)
        show("(3x^2 + 1)^3 at 0.5", session.run(cube_of_sum(x)))
        show("first derivative", session.run(first))
        show("by hand: 18x (3x^2 + 1)^2", 18 * 0.5 * (3 * 0.5**2 + 1) ** 2)
        show("second derivative", session.run(second))
        show("by hand: 18u^2 + 216x^2 u", 18 * 1.75**2 + 216 * 0.5**2 * 1.75)
        show("xy + sin y at (0.5, 3)", session.run([of_x, of_y]))
        show("by hand: y, x + cos y", [3.0, 0.5 + np.cos(3.0)])
        show("x^2 by y", unrelated)


def cube_of_sum(x):
    """Returns (3x^2 + 1)^3."""
    return tf.pow(3.0 * tf.square(x) + 1.0, 3.0)


# ---- STANDARDIZATION -------------------------------------------------------------------------


def standardization():
    """Shows columns of other means and deviations brought to mean 0 and deviation 1."""
    columns = np.random.RandomState(0).normal([5.0, -2.0], [3.0, 0.5], [1000, 2])
    with tf.Graph().as_default(), tf.Session() as session:
        values = tf.constant(columns)
        show("mean before", session.run(mean_and_deviation(values)[0]))
        show("deviation before", session.run(mean_and_deviation(values)[1]))
        standardized = standardize(values)
        show("mean after", session.run(mean_and_deviation(standardized)[0]))
        show("deviation after", session.run(mean_and_deviation(standardized)[1]))


def standardize(values):
    """Returns values [rows, columns] with mean 0 and deviation 1 in each column."""
    mean, deviation = mean_and_deviation(values)
    return (values - mean) / deviation


def mean_and_deviation(values):
    """Returns the mean and the standard deviation of each column, [columns]."""
    mean, variance = tf.nn.moments(values, axes=[0])
    return mean, tf.sqrt(variance)


# ---- REGRESSION ------------------------------------------------------------------------------


def least_squares():
    """Shows a line fitted by the closed form, and gradient descent on its way there."""
    x, y = noisy_points()
    with tf.Graph().as_default(), tf.Session() as session:
        design = tf.stack([x, tf.ones_like(x)], axis=1)
        solution = solve(design, y)
        show("closed form: slope, intercept", session.run(solution))
        show("objective there", session.run(objective(design, y, solution)))
        weights = tf.get_variable("weights", initializer=np.zeros([2]))
        value = objective(design, y, weights)
        (gradient,) = tf.gradients(value, weights)
        descend = tf.assign_sub(weights, 0.002 * gradient)
        session.run(weights.initializer)
        show("objective at 0, 0", session.run(value))
        for step in range(1, 101):
            session.run(descend)
            if step in (1, 10, 100):
                show(f"weights after step {step}", session.run(weights))
        show("objective then", session.run(value))


def noisy_points():
    """Returns 100 points of y = 3x + 2 with noise of deviation 0.5, float64 [100] each."""
    random = np.random.RandomState(1)
    x = random.uniform(-2.0, 2.0, 100)
    return x, 3.0 * x + 2.0 + random.normal(0.0, 0.5, 100)


def solve(design, targets):
    """Returns the weights w that solve X'X w = X'y: [n, 2] and [n] to [2]."""
    squares = tf.matmul(design, design, transpose_a=True)
    products = tf.matmul(design, targets[:, np.newaxis], transpose_a=True)
    return tf.linalg.solve(squares, products)[:, 0]


def objective(design, targets, weights):
    """Returns half the sum of squared errors; the half cancels the 2 of the derivative."""
    errors = tf.reduce_sum(design * weights, axis=1) - targets
    return 0.5 * tf.reduce_sum(tf.square(errors))


SECTIONS = [
    tensors,
    operators,
    variables,
    functions,
    prompt,
    derivatives,
    standardization,
    least_squares,
]


def main(arguments=None):
    """Prints every section; returns the exit code."""
    as_written = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=as_written).parse_args(arguments)
    for section in SECTIONS:
        print(section.__name__.replace("_", " "))
        section()
    return 0


if __name__ == "__main__":
    sys.exit(exit_code_of(main))
