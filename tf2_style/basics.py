"""The basics, the TensorFlow 2 way: tensors, operators, variables, derivatives and least squares.

Both styles print the same lines. Here every line computes at once.

Twin:  tf1_style/basics.py
Run:   python -m tf2_style.basics
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import tensorflow as tf

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
    # A tensor holds its value: `print` shows it, and NumPy takes it as it is.
    scalar = tf.constant(2.5)
    vector = tf.constant([1, 2, 3])
    matrix = tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    cube = tf.constant(np.arange(4.0).reshape(2, 2, 1))
    show("rank 0", scalar)
    show("rank 1, from a list", vector)
    show("rank 2", matrix)
    show("rank 3, from NumPy", cube)
    # Numbers of Python become int32 and float32; those of NumPy keep their type.
    show("types", [tensor.dtype.name for tensor in (scalar, vector, matrix, cube)])
    show("shape, known beforehand", matrix.shape.as_list())
    show("shape, as a tensor", tf.shape(matrix))
    show("ones * 0.25", tf.ones([2, 2]) * 0.25)
    show("cast to int32", tf.cast([1.7, -1.7], tf.int32))
    show("transpose", tf.transpose(matrix))


# ---- OPERATORS -------------------------------------------------------------------------------


def operators():
    """Shows arithmetic, element by element but for `matmul`, and the four kinds of division."""
    a = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    b = tf.constant([[5.0, 6.0], [7.0, 8.0]])
    show("add", tf.add(a, b))
    show("subtract", tf.subtract(a, b))
    show("multiply", tf.multiply(a, b))
    show("matmul", tf.matmul(a, b))
    show("pow", tf.pow(a, 2.0))
    show("exp", tf.exp([0.0, 1.0]))
    show("sqrt", tf.sqrt([4.0, 2.0]))
    show("-7 / 2: truediv", tf.math.truediv(-7, 2))
    show("-7 / 2: floordiv", tf.math.floordiv(-7, 2))
    show("-7 / 2: floormod", tf.math.floormod(-7, 2))
    show("-7 / 2: truncatediv, as in C", tf.truncatediv(-7, 2))
    # `tf.div` was floordiv for whole numbers and truediv for fractions. `tf.divide`, which
    # looks like its successor, is truediv for both: -3.5 where there was -4.
    show("tf.div of whole numbers", tf.math.floordiv(-7, 2))
    show("tf.div of fractions", tf.math.truediv(-7.0, 2.0))
    show("tf.mod", tf.math.floormod(-7, 2))


# ---- VARIABLES -------------------------------------------------------------------------------


def variables():
    """Shows assignment, and finds the spikes of a series with two variables."""
    count = tf.Variable(0)
    # Each assignment happens where it stands, as often as it is called.
    show("initial value", count)
    count.assign(2)
    show("assign 2", count)
    count.assign_add(5)
    count.assign_add(5)
    show("assign_add 5, twice", count)
    show("spikes", detect_spikes())


def detect_spikes():
    """Returns whether each value of SERIES, but the first, is more than SPIKE above the last."""
    last = tf.Variable(SERIES[0])
    spike = tf.Variable(False)
    found = []
    for number in SERIES[1:]:
        # They run in the order in which they stand, in a tf.function too.
        spike.assign(number - last > SPIKE)
        last.assign(number)
        found.append(bool(spike))
    return found


# ---- FUNCTIONS -------------------------------------------------------------------------------


def functions():
    """Shows a function of inputs that are not yet known when it is written."""
    # Just call it. As a tf.function it is traced for its signature, once, and runs as a graph.
    x = tf.TensorSpec([None], tf.float32)
    f = tf.function(polynomial, input_signature=[x])
    show("f of three numbers", polynomial(tf.constant([0.0, 1.0, 2.0])))
    show("f of one number", f(tf.constant([-1.0])))


def polynomial(x):
    """Returns 3x^2 - 2x + 1, element by element."""
    return 3.0 * tf.square(x) - 2.0 * x + 1.0


# ---- PROMPT ----------------------------------------------------------------------------------


def prompt():
    """Shows what one types at a prompt, where a `with` block is in the way."""
    # Plain calls: no Session to open or close, nothing to evaluate or to initialize.
    x = tf.constant([1.0, 2.0, 3.0])
    show("sum", tf.reduce_sum(x))
    total = tf.Variable(1.0)
    show("assign_add", total.assign_add(2.0))


# ---- DERIVATIVES -----------------------------------------------------------------------------


def derivatives():
    """Shows derivatives, each beside what the chain rule gives by hand."""
    x, y = tf.constant(0.5), tf.constant(3.0)
    # A tape knows what ran inside its block. For a second derivative the first must be taken
    # inside another one. Variables are watched by themselves, constants only when told.
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            value = cube_of_sum(x)
        first = inner.gradient(value, x)
    second = outer.gradient(first, x)
    with tf.GradientTape(persistent=True) as tape:  # may be asked more than once
        tape.watch([x, y])
        value, square = x * y + tf.sin(y), tf.square(x)
    of_x, of_y = tape.gradient(value, [x, y])
    unrelated = tape.gradient(square, y)
    show("(3x^2 + 1)^3 at 0.5", cube_of_sum(x))
    show("first derivative", first)
    show("by hand: 18x (3x^2 + 1)^2", 18 * 0.5 * (3 * 0.5**2 + 1) ** 2)
    show("second derivative", second)
    show("by hand: 18u^2 + 216x^2 u", 18 * 1.75**2 + 216 * 0.5**2 * 1.75)
    show("xy + sin y at (0.5, 3)", [of_x, of_y])
    show("by hand: y, x + cos y", [3.0, 0.5 + np.cos(3.0)])
    show("x^2 by y", unrelated)


def cube_of_sum(x):
    """Returns (3x^2 + 1)^3."""
    return tf.pow(3.0 * tf.square(x) + 1.0, 3.0)


# ---- STANDARDIZATION -------------------------------------------------------------------------


def standardization():
    """Shows columns of other means and deviations brought to mean 0 and deviation 1."""
    columns = np.random.RandomState(0).normal([5.0, -2.0], [3.0, 0.5], [1000, 2])
    values = tf.constant(columns)
    show("mean before", mean_and_deviation(values)[0])
    show("deviation before", mean_and_deviation(values)[1])
    standardized = standardize(values)
    show("mean after", mean_and_deviation(standardized)[0])
    show("deviation after", mean_and_deviation(standardized)[1])


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
    design = tf.stack([x, tf.ones_like(x)], axis=1)
    solution = solve(design, y)
    show("closed form: slope, intercept", solution)
    show("objective there", objective(design, y, solution))
    weights = tf.Variable(np.zeros([2]))
    show("objective at 0, 0", objective(design, y, weights))
    for step in range(1, 101):
        with tf.GradientTape() as tape:
            value = objective(design, y, weights)
        weights.assign_sub(0.002 * tape.gradient(value, weights))
        if step in (1, 10, 100):
            show(f"weights after step {step}", weights)
    show("objective then", objective(design, y, weights))


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
