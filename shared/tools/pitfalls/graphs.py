"""Graphs: what runs, when Python runs, and what == compares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.tools.pitfalls.pitfall import Pitfall

if TYPE_CHECKING:
    from shared.tools.pitfalls.pitfall import Measured

SIDE_EFFECT_RUNS = "times a counter beside the prediction was increased"


def _side_effects_tf1() -> Measured:
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        counter = tf.get_variable("counter", initializer=0, use_resource=True)
        prediction = tf.constant(2.0) * 3.0
        counter.assign_add(1)  # a node like any other; nobody fetches it
        session.run(tf.global_variables_initializer())
        session.run(prediction)
        return {SIDE_EFFECT_RUNS: int(session.run(counter))}


def _side_effects_tf2() -> Measured:
    import tensorflow as tf

    counter = tf.Variable(0)

    @tf.function
    def predict() -> tf.Tensor:
        prediction = tf.constant(2.0) * 3.0
        counter.assign_add(1)
        return prediction

    predict()
    return {SIDE_EFFECT_RUNS: int(counter)}


def _side_effects_instead() -> Measured:
    import tensorflow as tf

    counter = tf.Variable(0)

    @tf.function
    def predict() -> tf.Tensor:
        return tf.constant(2.0) * 3.0

    @tf.function
    def count() -> None:  # called only where the TF1 code fetched it
        counter.assign_add(1)

    # measured
    predict()
    return {SIDE_EFFECT_RUNS: int(counter)}


SIDE_EFFECTS = Pitfall(
    name="side-effects",
    title="A Session runs what is fetched; a tf.function runs every side effect in it",
    what="Assignments that TF1 code built but did not fetch start to happen: moving averages move "
    "during evaluation, counters count twice. (The reverse, forgetting to fetch UPDATE_OPS, is "
    "cured.)",
    why="A Session prunes the graph to what the fetches need. A tf.function gives stateful "
    "operations automatic control dependencies, in the order of the code, whether or not their "
    "result is used.",
    sources=("https://www.tensorflow.org/guide/migrate/tf1_vs_tf2.md.txt",),
    tf1=_side_effects_tf1,
    tf2=_side_effects_tf2,
    instead=_side_effects_instead,
)

PYTHON_RUNS = "times a line of Python ran in 3 steps"
GRAPHS_BUILT = "different graphs run for 3 learning rates"
_RATES = (0.1, 0.01, 0.001)


def _tracing_tf1() -> Measured:
    import tensorflow.compat.v1 as tf

    ran, graphs = [], set()
    with tf.Graph().as_default() as graph, tf.Session() as session:
        rate = tf.placeholder(tf.float32, [])
        step = rate * 2.0
        for value in _RATES:
            session.run(step, {rate: value})
            ran.append(value)  # beside the Session: plain Python
            graphs.add(graph.version)  # rises with every operation that is added
    return {PYTHON_RUNS: len(ran), GRAPHS_BUILT: len(graphs)}


def _tracing_tf2() -> Measured:
    import tensorflow as tf

    ran = []

    @tf.function
    def step(rate: tf.Tensor) -> tf.Tensor:
        ran.append("while tracing")
        return rate * 2.0

    @tf.function
    def step_of_number(rate: float) -> tf.Tensor:
        return tf.constant(2.0) * rate

    for rate in _RATES:
        step(tf.constant(rate))
        step_of_number(rate)
    graphs = step_of_number.experimental_get_tracing_count()
    return {PYTHON_RUNS: len(ran), GRAPHS_BUILT: graphs}


def _tracing_instead() -> Measured:
    import tensorflow as tf

    ran = []

    @tf.function
    def step(rate: tf.Tensor) -> tf.Tensor:
        return rate * 2.0

    for rate in (0.1, 0.01, 0.001):
        step(tf.constant(rate))  # a tensor: one graph serves every value
        ran.append(rate)  # what Python does each step stays outside
    # measured
    return {PYTHON_RUNS: len(ran), GRAPHS_BUILT: step.experimental_get_tracing_count()}


TRACING = Pitfall(
    name="tracing",
    title="Python inside a tf.function runs while it is traced; a new Python number traces again",
    what="A print, a list.append or a Python counter in a training step happens once and never "
    "again. A learning rate or a step number that is passed as a Python number builds another "
    "graph at every new value, which is slow and fills the memory.",
    why="A tf.function runs its Python once for each new signature, to build a graph, and then "
    "runs the graph. A tensor is in the signature by shape and dtype, a Python number by value.",
    sources=(
        "https://www.tensorflow.org/versions/r2.20/api_docs/python/tf/function",
        "https://rules.sonarsource.com/python/rspec-6928",
    ),
    tf1=_tracing_tf1,
    tf2=_tracing_tf2,
    instead=_tracing_instead,
)

EQUALS = "tensor of 1 2 == tensor of 1 3"
AS_KEY = "tensor as the key of a dictionary"


def _equality_tf1() -> Measured:
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default():
        left, right = tf.constant([1.0, 2.0]), tf.constant([1.0, 3.0])
        return {EQUALS: str(left == right), AS_KEY: str({left: "found"}[left])}


def _equality_tf2() -> Measured:
    import tensorflow as tf

    left, right = tf.constant([1.0, 2.0]), tf.constant([1.0, 3.0])
    try:
        found = {left: "found"}[left]
    except TypeError as error:
        found = f"TypeError: {error}"
    return {EQUALS: str((left == right).numpy().tolist()), AS_KEY: found}


def _equality_instead() -> Measured:
    import tensorflow as tf

    left, right = tf.constant([1.0, 2.0]), tf.constant([1.0, 3.0])
    is_same_tensor = left is right
    names = {left.ref(): "found"}
    # measured
    return {EQUALS: str(is_same_tensor), AS_KEY: names[left.ref()]}


EQUALITY = Pitfall(
    name="tensor-equality",
    title="== compares tensors by identity in TF1, element by element in TF2",
    what="`if a == b` or `a in tensors`, written to find a tensor again, raises or finds another "
    "one of equal value; a dictionary with tensors as keys, like a feed_dict, raises.",
    why="TF1 tensors are nodes, equal only to themselves, and hashable. TF2 tensors are values, "
    "and what compares by value and can change has no hash. A graph that is opened by hand, as a "
    "Session's is, keeps TF1's meaning in TensorFlow 2, too.",
    sources=(
        "https://www.tensorflow.org/guide/migrate/tf1_vs_tf2.md.txt",
        "tensorflow/python/ops/math_ops.py, tensor_equals",
    ),
    tf1=_equality_tf1,
    tf2=_equality_tf2,
    instead=_equality_instead,
)
