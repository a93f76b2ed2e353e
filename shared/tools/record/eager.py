"""Hooks TensorFlow 2: what a tape differentiates is a step, and ends where the next one begins.

So updates are seen whoever makes them: a Keras optimizer, a kernel called by hand, `assign_sub`.
"""

import functools
import weakref
from typing import Any

import numpy as np

from shared.tools.record.graphs import dense
from shared.tools.record.session import Recording


class Eager:
    """The hooks of TensorFlow 2's world."""

    def __init__(self, recording: Recording) -> None:
        """Begins with no step open."""
        self.recording = recording
        self._variables: list[Any] = []
        self._paths: dict[int, Any] = {}
        self._optimizers: dict[int, Any] = {}
        self._pending: list[dict[str, Any]] = []
        self._data: list[np.ndarray] = []
        self._depth = 0

    def hook_variables(self, module: Any) -> None:
        """Remembers each eager variable, without keeping it alive."""
        kind = module.BaseResourceVariable
        plain = kind.__init__

        @functools.wraps(plain)
        def init(variable: Any, *arguments: Any, **options: Any) -> None:
            plain(variable, *arguments, **options)
            if module.ops.executing_eagerly_outside_functions():
                self._variables.append(weakref.ref(variable))

        kind.__init__ = init

    def hook_keras_variables(self, module: Any) -> None:
        """Learns the paths by which Keras knows its variables."""
        for method in ("_initialize", "_initialize_with_initializer"):
            plain = getattr(module.Variable, method, None)
            if plain is None:
                continue

            def initialize(variable: Any, value: Any, _plain: Any = plain) -> None:
                _plain(variable, value)
                self._paths[id(variable._value)] = weakref.ref(variable)

            setattr(module.Variable, method, initialize)

    def hook_keras_optimizer(self, module: Any) -> None:
        """Learns which optimizers run, and their settings."""
        plain = module.BaseOptimizer.apply

        @functools.wraps(plain)
        def apply(optimizer: Any, *arguments: Any, **options: Any) -> Any:
            done = plain(optimizer, *arguments, **options)
            self._optimizers[id(optimizer)] = optimizer
            return done

        module.BaseOptimizer.apply = apply

    def hook_keras_trainer(self, module: Any) -> None:
        """Switches XLA off in `compile`: inside it no number can be seen."""
        plain = module.Trainer.compile

        @functools.wraps(plain)
        def compile_model(model: Any, *arguments: Any, **options: Any) -> Any:
            if options.get("jit_compile", "auto") in ("auto", True):
                self.recording.warn("Keras: XLA (jit_compile) is off while recording")
                options["jit_compile"] = False
            return plain(model, *arguments, **options)

        module.Trainer.compile = compile_model

    def hook_tape(self, module: Any) -> None:
        """Reads loss and gradients where a tape computes them."""
        plain = module.GradientTape.gradient

        @functools.wraps(plain)
        def gradient(tape: Any, target: Any, sources: Any, *arguments: Any, **options: Any) -> Any:
            found = plain(tape, target, sources, *arguments, **options)
            flat = module.nest.flatten(sources)
            if any(hasattr(source, "assign_sub") for source in flat):
                self._saw(module.ops, module.nest.flatten(target), flat, module.nest.flatten(found))
            return found

        module.GradientTape.gradient = gradient

    def hook_function(self, module: Any) -> None:
        """Closes the step before when the next call of a `tf.function` begins."""
        plain = module.Function.__call__

        @functools.wraps(plain)
        def call(function: Any, *arguments: Any, **options: Any) -> Any:
            if self._depth or not module.context.executing_eagerly():
                return plain(function, *arguments, **options)
            if function._jit_compile:
                self.recording.warn("tf.function: XLA (jit_compile) is off while recording")
                function._jit_compile = False
            self._finish()
            arguments = self._given(arguments)
            self._begin()
            arrays = [a for a in arguments if hasattr(a, "shape") and hasattr(a, "dtype")]
            if not self._data:
                self._data = [np.asarray(a) for a in arrays if not hasattr(a, "assign_sub")]
            self._depth += 1
            try:
                return plain(function, *arguments, **options)
            finally:
                self._depth -= 1

        module.Function.__call__ = call

    def hook_data(self, module: Any) -> None:
        """Reads what a `tf.data` iterator hands out."""
        plain = module.OwnedIterator._next_internal

        def next_internal(iterator: Any) -> Any:
            element = plain(iterator)
            flat = [e for e in module.nest.flatten(element) if _is_number(e)]
            if hasattr(flat[0] if flat else None, "numpy") and module.context.executing_eagerly():
                self._finish()
                self._data = [np.asarray(e) for e in flat]
            elif flat:
                self._call(self._keep_data, flat)
            return element

        module.OwnedIterator._next_internal = next_internal

    def _keep_data(self, *values: Any) -> None:
        self._data = [np.array(value) for value in values]

    def _call(self, function: Any, tensors: list[Any]) -> None:
        import tensorflow

        def told(*values: Any) -> None:
            function(*values)

        tensorflow.numpy_function(told, tensors, [])

    def _given(self, arguments: Any) -> Any:
        """Puts the recorded batch in place of a function's arrays."""
        given, position = list(arguments), 0
        for i, value in enumerate(given):
            if hasattr(value, "shape") and np.ndim(value) and not hasattr(value, "assign_sub"):
                new = self.recording.given_batch(str(position), position, list(value.shape))
                position += 1
                if new is not None:
                    given[i] = _like(new, value)
        return tuple(given)

    def _saw(self, ops: Any, targets: Any, sources: Any, found: Any) -> None:
        pairs = [(s, g) for s, g in zip(sources, found) if g is not None and hasattr(s, "assign")]
        pieces: list[Any] = [targets[0]]
        for _, g in pairs:
            pieces += [g.values, g.indices] if hasattr(g, "indices") else [g]
        sparse = [hasattr(g, "indices") for _, g in pairs]
        stores = [weakref.ref(s) for s, _ in pairs]
        label = getattr(targets[0], "name", "") if not hasattr(targets[0], "numpy") else ""

        def tell(*values: Any) -> None:
            self._add(label.split(":")[0] or "loss", stores, sparse, [np.array(v) for v in values])

        if hasattr(targets[0], "numpy"):
            tell(*pieces)
        else:
            self._call(tell, pieces)

    def _add(self, label: str, stores: Any, sparse: Any, values: list[np.ndarray]) -> None:
        loss, rest = values[0], values[1:]
        gradients = {}
        for store, is_sparse in zip(stores, sparse):
            variable = store()
            pieces = tuple(rest[: 2 if is_sparse else 1])
            rest = rest[len(pieces) :]
            if variable is not None:
                gradients[self._name(variable)] = (pieces, tuple(variable.shape))
        whole = {n: dense(p, np.empty(s, np.int8)) for n, (p, s) in gradients.items()}
        if any(set(whole) & set(p["gradients"]) for p in self._pending):
            self._finish(inside=self._depth > 0)
        self._begin()
        self._pending.append({"name": label, "loss": loss, "gradients": whole})

    def _begin(self) -> None:
        if self.recording.has_initial or not self._alive():
            return
        for name, variable in self._alive().items():
            new = self.recording.started(name, variable.numpy())
            if new is not None:
                variable.assign(new)
        self.recording.initial({n: v.numpy() for n, v in self._alive().items()})

    def _finish(self, inside: bool = False) -> None:
        """Records the open step; inside a function of many steps variables cannot be read."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        data, self._data = self._data, []
        slots = {id(v._value) for o in self._optimizers.values() for v in o.variables}
        alive = {} if inside else self._alive()
        numbers = {n: v.numpy() for n, v in alive.items() if _is_number(v)}
        self.recording.record(
            {
                (p["name"] + "_" + str(i) if i else p["name"]): p["loss"]
                for i, p in enumerate(pending)
            },
            {str(i): array for i, array in enumerate(data)},
            None,
            {n: g for p in pending for n, g in p["gradients"].items()},
            {n: a for n, a in numbers.items() if id(alive[n]) in slots},
            {n: a for n, a in numbers.items() if id(alive[n]) not in slots},
        )

    def end(self) -> None:
        """Records the step that is open when the program ends, and the optimizers' settings."""
        for optimizer in self._optimizers.values():
            told = {"class": type(optimizer).__name__}
            told.update(optimizer.get_config())
            self.recording.optimizers[str(id(optimizer))] = _jsonable(told)
        self._finish()

    def _alive(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for reference in self._variables:
            variable = reference()
            if variable is not None and _is_number(variable):
                found[self._name(variable, found)] = variable
        return found

    def _name(self, variable: Any, taken: Any = None) -> str:
        variable = getattr(variable, "_value", variable)  # of a Keras variable
        base = self._base(variable)
        same = [r() for r in self._variables]
        same = [v for v in same if v is not None and self._base(v) == base]
        at = [i for i, v in enumerate(same) if v is variable]
        return base + "_" + str(at[0]) if at and at[0] else base

    def _base(self, variable: Any) -> str:
        keras = self._paths.get(id(variable), lambda: None)()
        return keras.path if keras is not None else variable.name.split(":")[0]


def _is_number(tensor: Any) -> bool:
    return getattr(getattr(tensor, "dtype", None), "name", "string") not in (
        "string",
        "variant",
        "resource",
    )


def _like(new: np.ndarray, value: Any) -> Any:
    if hasattr(value, "numpy"):
        import tensorflow

        return tensorflow.constant(new, value.dtype)
    return new.astype(value.dtype)


def _jsonable(told: dict[str, Any]) -> dict[str, Any]:
    plain = (bool, int, float, str)
    return {k: v if isinstance(v, plain) else str(v) for k, v in told.items()}
