"""Random operations that two programs draw alike: by the step and the order in which they stand.

TensorFlow's own generators depend on its version, on seeds, on how a graph was built. Here the k-th
random operation of a step draws NumPy's numbers of (seed, step, k, n), whatever program it stands
in; n is how often it has run in this step before: 0, but in a loop.
"""

import sys
from typing import Any

import numpy as np

# Bits of the fraction of a uniform number: more would round a number near 1 up to 1.
_FRACTION_BITS = {"float16": 10, "bfloat16": 7}  # of a random number; of any other dtype 24
# Operation types that draw random numbers; those not replaced below are only reported.
RANDOM = (
    "RandomUniform",
    "RandomUniformInt",
    "RandomStandardNormal",
    "TruncatedNormal",
    "RandomShuffle",
    "Multinomial",
    "RandomGamma",
    "RandomPoisson",
    "LogUniformCandidateSampler",
    "UniformCandidateSampler",
    "LearnedUnigramCandidateSampler",
)


class Noise:
    """Counts the random operations of a step, and draws for them where a seed was given."""

    def __init__(self, recording: Any) -> None:
        """Begins with none seen; `recording.options.noise` is the seed, or None."""
        self.recording = recording
        self.places: dict[Any, int] = {}  # operation of a graph -> its place among all
        self.ranks: dict[int, int] = {}  # place -> k, in the run that is going on
        self.drawn = 0  # in the step that is going on
        # Called before eager code draws; command.py makes it end a step whose updates are done.
        self.begin_eager: Any = lambda: None
        self._created: dict[int, int] = {}
        self._graphs: list[Any] = []  # kept: else another could get its id
        self._times: dict[int, int] = {}

    def hook(self, module: Any) -> None:
        """Replaces the functions of `gen_random_ops` that make random operations."""
        self._replace(module, "random_uniform", _of_first(uniform), 1)
        self._replace(module, "random_standard_normal", _of_first(normal), 1)
        self._replace(module, "truncated_normal", _of_first(truncated), 1)
        self._replace(module, "random_uniform_int", _of_inputs(integers), 3)
        self._replace(module, "random_shuffle", _of_first(shuffled), 1)
        self._replace(module, "multinomial", _of_inputs(choices), 2)

    def hook_stateless(self, module: Any) -> None:
        """Replaces those that Keras draws from: their seeds are state of another kind."""
        self._replace(module, "stateless_random_uniform_v2", _of_first(uniform), 1)
        self._replace(module, "stateless_random_normal_v2", _of_first(normal), 1)
        self._replace(module, "stateless_truncated_normal_v2", _of_first(truncated), 1)

    def _replace(self, module: Any, name: str, draw: Any, count: int) -> None:
        """Replaces one function: `draw` takes a generator, its first `count` inputs, a dtype."""
        plain = getattr(module, name, None)
        if plain is None:
            return

        def made(*arguments: Any, **options: Any) -> Any:
            given = plain(*arguments, **options)
            ops = sys.modules["tensorflow.python.framework.ops"]
            if self.recording.options.noise is None or is_of_data(ops.get_default_graph):
                self._count_eager(given)
                return given
            names = ("shape", "minval", "maxval") if "shape" in options else ("value", "logits")
            inputs = list(arguments[:count]) + [options[n] for n in names if n in options]
            if "num_samples" in options:
                inputs.append(options["num_samples"])
            return self._drawn(draw, inputs[:count], given)

        setattr(module, name, made)

    def _count_eager(self, given: Any) -> None:
        if hasattr(given, "numpy"):
            self.begin_eager()
            self.drawn += 1

    def _drawn(self, draw: Any, inputs: list[Any], like: Any) -> Any:
        script = sys.modules["tensorflow.python.ops.script_ops"]
        dtype = like.dtype.as_numpy_dtype
        if hasattr(like, "numpy"):  # eager: the next of this step
            self.begin_eager()
            arrays = [np.asarray(value) for value in inputs]
            self.drawn += 1
            value = np.asarray(draw(self._generator(self.drawn - 1, 0), arrays, dtype), dtype)
            return sys.modules["tensorflow"].constant(value)
        place = self._place(like.graph)

        def numbers(*arrays: Any) -> np.ndarray:
            time = self._times[place] = self._times.get(place, -1) + 1
            self.drawn += 1
            generator = self._generator(self.ranks.get(place, place), time)
            return np.asarray(draw(generator, [np.asarray(a) for a in arrays], dtype), dtype)

        function = getattr(script, "numpy_function", None) or script.py_func
        found = function(numbers, inputs, like.dtype)
        found.set_shape(like.shape)
        self.places[found.op] = place
        return found

    def _place(self, graph: Any) -> int:
        """Returns how many random operations a graph had before; each trace begins anew."""
        if id(graph) not in self._created:
            self._graphs.append(graph)
        self._created[id(graph)] = self._created.get(id(graph), -1) + 1
        return self._created[id(graph)]

    def begin(self, operations: list[Any]) -> None:
        """Takes note that a run of these graph operations begins, in the order of creation."""
        places = [self.places[o] for o in operations if o in self.places]
        if places:
            self.ranks = {place: k for k, place in enumerate(places)}
            self._times = {}

    def begin_function(self) -> None:
        """Takes note that a call of a `tf.function` begins: its operations have their traced k."""
        self.ranks, self._times = {}, {}

    def _generator(self, rank: int, time: int) -> np.random.RandomState:
        step = self.recording.step + 1
        return np.random.RandomState([self.recording.options.noise, step, rank, time])


def is_of_data(default_graph: Any) -> bool:
    """Whether operations now go into a function of tf.data, which runs apart from the steps."""
    return str(getattr(default_graph(), "name", "")).startswith("Dataset_")


def _of_first(draw: Any) -> Any:
    """Returns a `draw` for `_replace` of one that takes (generator, first input, dtype)."""
    return lambda generator, inputs, dtype: draw(generator, inputs[0], dtype)


def _of_inputs(draw: Any) -> Any:
    """Returns a `draw` for `_replace` of one that takes (generator, *inputs)."""
    return lambda generator, inputs, dtype: draw(generator, *inputs)


def uniform(generator: Any, shape: Any, dtype: Any) -> np.ndarray:
    """Returns numbers from 0 to below 1, exact in the dtype."""
    scale = 2.0 ** _FRACTION_BITS.get(np.dtype(dtype).name, 24)
    return np.floor(generator.random_sample(tuple(shape)) * scale) / scale


def normal(generator: Any, shape: Any, dtype: Any) -> np.ndarray:
    """Returns numbers of the standard normal distribution."""
    return generator.normal(size=tuple(shape))


def truncated(generator: Any, shape: Any, dtype: Any) -> np.ndarray:
    """Returns numbers of the standard normal distribution, redrawn beyond two."""
    values = generator.normal(size=tuple(shape))
    while (abs(values) > 2).any():
        values = np.where(abs(values) > 2, generator.normal(size=tuple(shape)), values)
    return values


def shuffled(generator: Any, values: Any, dtype: Any) -> np.ndarray:
    """Returns the rows of `values` in a random order."""
    return values[generator.permutation(len(values))]


def integers(generator: Any, shape: Any, low: Any, high: Any) -> np.ndarray:
    """Returns whole numbers from `low` to below `high`."""
    return low + np.floor(generator.random_sample(tuple(shape)) * (high - low))


def choices(generator: Any, logits: Any, count: Any) -> np.ndarray:
    """Returns `count` classes for each row of logits [batch, classes]."""
    weights = np.exp(logits - logits.max(-1, keepdims=True).astype(np.float64))
    edges = np.cumsum(weights / weights.sum(-1, keepdims=True), -1)
    drawn = generator.random_sample((len(logits), int(count)))
    return (drawn[:, :, None] > edges[:, None, :-1]).sum(-1)
