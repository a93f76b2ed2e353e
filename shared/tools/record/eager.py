"""Hooks TensorFlow 2: what a tape differentiates is a step, and ends where the next one begins.

So updates are seen whoever makes them: a Keras optimizer, a kernel called by hand, `assign_sub`.
"""

import functools
import sys
import weakref
from typing import Any

import numpy as np

from shared.tools.record.graphs import MOST_LOGITS, dense, kinds, logits_behind, numbered
from shared.tools.record.laws import SelfCheck
from shared.tools.record.session import Recording


class Eager:
    """The hooks of TensorFlow 2's world."""

    def __init__(self, recording: Recording) -> None:
        """Begins with no step open."""
        self.recording = recording
        self._variables: list[Any] = []
        self._known: dict[int, str] = {}  # names, until a variable comes or goes
        self._paths: dict[int, Any] = {}
        self._slots: dict[int, tuple[Any, Any, str]] = {}
        self._optimizers: dict[int, Any] = {}
        self._started: set[str] = set()
        self._initial: dict[str, Any] = {}
        self._pending: list[dict[str, Any]] = []
        self._of_tape: list[Any] = []
        self._was_applied = False
        self._data: list[np.ndarray] = []
        self._depth = 0
        self._tapes = 0
        self._logits: list[Any] = []  # of the forward pass that an eager tape watches

    def hook_variables(self, module: Any) -> None:
        """Remembers each eager variable, without keeping it alive."""
        kind = module.BaseResourceVariable
        plain = kind.__init__

        @functools.wraps(plain)
        def init(variable: Any, *arguments: Any, **options: Any) -> None:
            plain(variable, *arguments, **options)
            if module.ops.executing_eagerly_outside_functions():
                self._variables.append(weakref.ref(variable, self._forget))
                self._known = {}
                self._came(variable)

        kind.__init__ = init

    def _forget(self, reference: Any) -> None:
        self._variables.remove(reference)
        self._known = {}

    def _came(self, variable: Any) -> None:
        """Gives a variable that a tape's forward pass creates its start before it is used."""
        if self._tapes and not self._depth and hasattr(variable, "numpy"):
            self._prepare()

    def hook_keras_variables(self, module: Any) -> None:
        """Learns the paths by which Keras knows its variables."""
        for method in ("_initialize", "_initialize_with_initializer"):
            plain = getattr(module.Variable, method, None)
            if plain is None:
                continue

            def initialize(variable: Any, value: Any, _plain: Any = plain) -> None:
                _plain(variable, value)
                self._paths[id(variable._value)] = weakref.ref(variable)
                self._known = {}
                self._came(variable._value)

            setattr(module.Variable, method, initialize)

    def hook_keras_optimizer(self, module: Any) -> None:
        """Learns which optimizers run, and their settings."""
        plain, plain_add = (
            module.BaseOptimizer.apply,
            module.BaseOptimizer.add_variable_from_reference,
        )

        @functools.wraps(plain)
        def apply(optimizer: Any, *arguments: Any, **options: Any) -> Any:
            done = plain(optimizer, *arguments, **options)
            self._optimizers[id(optimizer)] = optimizer
            return done

        @functools.wraps(plain_add)
        def add(
            optimizer: Any, reference: Any, name: Any = None, *rest: Any, **options: Any
        ) -> Any:
            slot = plain_add(optimizer, reference, name, *rest, **options)
            self._keep_slot(slot, reference, name or "slot")
            return slot

        module.BaseOptimizer.apply = apply
        module.BaseOptimizer.add_variable_from_reference = add

    def hook_keras_update(self, module: Any) -> None:
        """Reads the gradients that a Keras optimizer applies, after it has clipped them."""
        plain = module.TFOptimizer._backend_update_step

        @functools.wraps(plain)
        def update(optimizer: Any, gradients: Any, variables: Any, *arguments: Any) -> Any:
            self._applies(list(zip(gradients, variables)))
            return plain(optimizer, gradients, variables, *arguments)

        module.TFOptimizer._backend_update_step = update

    def hook_kernels(self, module: Any) -> None:
        """Learns slots and gradients from TensorFlow 1's kernels, called as `tf.raw_ops`."""
        for name in dir(module):
            if name.startswith(("ResourceApply", "ResourceSparseApply")):
                setattr(module, name, self._kernel(getattr(module, name)))

    def _kernel(self, plain: Any) -> Any:
        @functools.wraps(plain)
        def kernel(**inputs: Any) -> Any:
            of = {id(v.handle): v for v in (r() for r in self._variables) if v is not None}
            variable = of.get(id(inputs.get("var")))
            if variable is not None:
                for role, value in inputs.items():
                    if role != "var" and id(value) in of:
                        self._keep_slot(of[id(value)], variable, role)
                gradient = inputs.get("grad", inputs.get("delta"))
                if "indices" not in inputs:
                    self._applies([(gradient, variable)])
            return plain(**inputs)

        return kernel

    def _keep_slot(self, slot: Any, variable: Any, name: str) -> None:
        slot, variable = getattr(slot, "_value", slot), getattr(variable, "_value", variable)
        self._slots[id(slot)] = (weakref.ref(slot), weakref.ref(variable), name)
        self._known = {}

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

    def begin_step(self) -> None:
        """Ends the step whose updates are done, when eager code begins the next."""
        if self._was_applied and not self._depth:
            self._finish()

    def hook_tape(self, module: Any) -> None:
        """Reads loss and gradients where a tape computes them."""
        plain = module.GradientTape.gradient

        @functools.wraps(plain)
        def gradient(tape: Any, target: Any, sources: Any, *arguments: Any, **options: Any) -> Any:
            found = plain(tape, target, sources, *arguments, **options)
            flat = module.nest.flatten(sources)
            if any(hasattr(source, "assign_sub") for source in flat):
                self._saw(module.nest.flatten(target), flat, module.nest.flatten(found))
            return found

        plain_enter, plain_exit = module.GradientTape.__enter__, module.GradientTape.__exit__

        def enter(tape: Any) -> Any:
            if not self._depth and module.context.executing_eagerly():
                if self._was_applied or any(p.get("inside") for p in self._pending):
                    self._finish()
                self._prepare()
            if not self._tapes:
                self._logits = []
            self._tapes += 1
            return plain_enter(tape)

        def leave(tape: Any, *error: Any) -> Any:
            self._tapes -= 1
            return plain_exit(tape, *error)

        module.GradientTape.gradient = gradient
        module.GradientTape.__enter__, module.GradientTape.__exit__ = enter, leave

    def hook_softmax(self, module: Any) -> None:
        """Learns the logits of softmax cross entropies that eager code computes under a tape."""
        for name in (
            "softmax_cross_entropy_with_logits",
            "sparse_softmax_cross_entropy_with_logits",
        ):
            self._hook_logits(module, name, "features")

    def hook_sigmoid(self, module: Any) -> None:
        """Learns the logits of sigmoid cross entropies likewise."""
        self._hook_logits(module, "sigmoid_cross_entropy_with_logits", "logits")

    def _hook_logits(self, module: Any, name: str, role: str) -> None:
        plain = getattr(module, name)

        @functools.wraps(plain)
        def cross_entropy(*arguments: Any, **options: Any) -> Any:
            logits = options.get(role, arguments[0] if arguments else None)
            is_seen = any(logits is known for known in self._logits)
            if self._tapes and not self._depth and hasattr(logits, "numpy") and not is_seen:
                self._logits.append(logits)
            return plain(*arguments, **options)

        setattr(module, name, cross_entropy)

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
            self.recording.noise.begin_function()
            nest = sys.modules["tensorflow.python.util.nest"]
            arguments, options = self._given(nest, (arguments, options))
            if not self.recording.has_initial:
                self._depth += 1
                try:  # so that what the function creates is there, and can be given its start
                    function.get_concrete_function(*arguments, **options)
                except Exception as error:
                    self._raised = error  # the call below says what is wrong
                finally:
                    self._depth -= 1
                self._prepare()
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
            elif flat and self.recording.batches is None:
                self._call(self._keep_data, flat)
            elif flat:
                return self._given_inside(module.nest, element, flat)
            return element

        module.OwnedIterator._next_internal = next_internal

    def _keep_data(self, *values: Any) -> None:
        self._data = [np.array(value) for value in values]

    def _call(self, function: Any, tensors: list[Any]) -> None:
        import tensorflow

        def told(*values: Any) -> None:
            function(*values)

        tensorflow.numpy_function(told, tensors, [])

    def _given(self, nest: Any, arguments: Any) -> Any:
        """Notes a function's arrays as the batch; puts the recorded batch in their place."""
        flat = nest.flatten(arguments)
        at = [i for i, value in enumerate(flat) if _is_array(value)]
        new = self._recorded([np.asarray(flat[i]) for i in at])
        for i, value in zip(at, new):
            if value is not None:
                flat[i] = _like(value, flat[i])
        if at and (not self._data or any(value is not None for value in new)):
            self._data = [np.asarray(flat[i]) for i in at]
        return nest.pack_sequence_as(arguments, flat)

    def _recorded(self, arrays: list[np.ndarray]) -> list[Any]:
        found: list[Any] = []
        position = 0
        for array in arrays:
            found.append(None)
            if array.ndim:
                found[-1] = self.recording.given_batch(
                    str(position), position, list(array.shape), array.dtype.kind
                )
                position += 1
        return found

    def _given_inside(self, nest: Any, element: Any, flat: list[Any]) -> Any:
        """Puts the recorded batch in place of what an iterator hands out inside a function."""
        import tensorflow

        def swap(*values: Any) -> list[np.ndarray]:
            arrays = [np.array(value) for value in values]
            new = self._recorded(arrays)
            self._data = [a if n is None else n.astype(a.dtype) for a, n in zip(arrays, new)]
            return self._data

        swapped = tensorflow.numpy_function(swap, flat, [e.dtype for e in flat])
        for new, old in zip(swapped, flat):
            new.set_shape(old.shape)
        left = list(swapped)
        whole = [left.pop(0) if _is_number(e) else e for e in nest.flatten(element)]
        return nest.pack_sequence_as(element, whole)

    def _saw(self, targets: Any, sources: Any, found: Any) -> None:
        pairs = [(g, s) for s, g in zip(sources, found) if g is not None and hasattr(s, "assign")]
        self._of_tape += [g for g, _ in pairs]
        is_eager = hasattr(targets[0], "numpy")
        label = getattr(targets[0], "name", "") if not is_eager else ""
        if is_eager:
            logits, self._logits = self._logits, []
        else:
            logits = list(logits_behind(targets[0].graph, targets[:1]).values())
        add = functools.partial(self._add, len(logits))
        self._tell(add, label.split(":")[0] or "loss", [targets[0]] + logits, pairs)

    def applied(self, pairs: list[Any]) -> None:
        """Takes note of what an optimizer of TensorFlow 1 applies in eager code."""
        self._applies(pairs)

    def _applies(self, pairs: list[Any]) -> None:
        """Takes note of gradients applied, where they are others than a tape has told."""
        if self._tapes == 0 and all(hasattr(g, "numpy") for g, _ in pairs):
            self._was_applied = True
        new = [(g, v) for g, v in pairs if hasattr(g, "shape")]
        new = [(g, v) for g, v in new if all(g is not told for told in self._of_tape)]
        if new:
            self._tell(self._replace, "", [], new)

    def _tell(self, told: Any, label: str, first: list[Any], pairs: list[Any]) -> None:
        """Calls `told` with numbers: now in eager code, else where a function computes them."""
        pieces = list(first)
        for g, _ in pairs:
            pieces += [g.values, g.indices] if hasattr(g, "indices") else [g]
        sparse = [hasattr(g, "indices") for g, _ in pairs]
        stores = [weakref.ref(getattr(v, "_value", v)) for _, v in pairs]

        def tell(*values: Any) -> None:
            told(label, stores, sparse, values)

        if all(hasattr(p, "numpy") for p in pieces):
            tell(*pieces)
        else:
            self._call(tell, pieces)

    def _names(self, stores: Any) -> list[str]:
        return [self._name(v) for v in (store() for store in stores) if v is not None]

    def _dense(self, stores: Any, sparse: Any, values: Any) -> dict[str, Any]:
        """Returns gradients by their variable's name: copies, or None where no one needs them."""
        whole = {}
        is_full = self.recording.is_full()
        for store, is_sparse in zip(stores, sparse):
            variable = store()
            pieces = values[: 2 if is_sparse else 1]
            values = values[len(pieces) :]
            if variable is not None:
                like = np.broadcast_to(np.int8(0), tuple(variable.shape))
                copied = tuple(np.array(piece) for piece in pieces) if is_full else ()
                whole[self._name(variable)] = dense(copied, like) if is_full else None
        return whole

    def _add(self, count: int, label: str, stores: Any, sparse: Any, values: Any) -> None:
        names = set(self._names(stores))
        if any(names & set(p["gradients"]) for p in self._pending):
            self._finish(inside=self._depth > 0)
        if not self.recording.has_initial:
            self._prepare(late=True)
        whole = self._dense(stores, sparse, values[1 + count :])
        loss, logits = np.array(values[0]), [np.array(value) for value in values[1 : 1 + count]]
        step = {"name": label, "loss": loss, "gradients": whole, "applied": set()}
        self._pending.append(dict(step, logits=logits, inside=self._depth > 0))

    def _replace(self, label: str, stores: Any, sparse: Any, values: Any) -> None:
        names = set(self._names(stores))
        if any(names & p["applied"] for p in self._pending):
            self._finish(inside=self._depth > 0)
        if not self.recording.has_initial:
            self._prepare(late=True)
        whole = self._dense(stores, sparse, values)
        self._was_applied = True
        for pending in self._pending:
            for name in set(whole) & set(pending["gradients"]):
                pending["gradients"][name] = whole.pop(name)
                pending["applied"].add(name)
        if whole:  # of a gradient that no tape gave
            self._pending.append({"name": "", "gradients": whole, "applied": set(whole)})

    def _prepare(self, late: bool = False) -> None:
        """Gives variables the start asked for, and keeps it, until the first step is there.

        `late`: a step has begun; what was kept before it stays.
        """
        if self.recording.has_initial or (self._pending and not late):
            return
        for name, variable in self._alive().items():
            if name in self._initial and late:
                continue
            if name not in self._started and not late:
                self._started.add(name)
                new = self.recording.value_to_start_from(name, variable.numpy())
                if new is not None:
                    variable.assign(new)
            self._initial[name] = variable.numpy()

    def _finish(self, inside: bool = False) -> None:
        """Records the open step; inside a function of many steps variables cannot be read."""
        if not self._pending:
            return
        if self.recording.step < SelfCheck.STEPS:
            self._tell_settings()
        pending, self._pending = self._pending, []
        data, self._data = self._data, []
        self._was_applied = False
        if not self.recording.has_initial:
            self.recording.initial(*self._split(self._initial))
        alive = self._alive() if self.recording.is_full() and not inside else {}
        variables, slots = self._split({n: v.numpy() for n, v in alive.items()})
        logits = _distinct([z for p in pending for z in p.get("logits", [])])
        self.recording.record(
            {
                (p["name"] + "_" + str(i) if i else p["name"]): p["loss"]
                for i, p in enumerate(pending)
                if "loss" in p
            },
            {str(i): array for i, array in enumerate(data)},
            numbered(logits) if len(logits) <= MOST_LOGITS else {},
            {n: g for p in pending for n, g in p["gradients"].items()},
            slots,
            variables,
        )

    def _split(self, values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns variables and slots apart."""
        slots = {self._name(s()) for s, _, _ in self._slots.values() if s() is not None}
        return (
            {n: v for n, v in values.items() if n not in slots},
            {n: v for n, v in values.items() if n in slots},
        )

    def end(self) -> None:
        """Records the step that is open when the program ends, and the optimizers' settings."""
        self._tell_settings()
        self._finish()

    def _tell_settings(self) -> None:
        for optimizer in self._optimizers.values():
            told: dict[str, Any] = {"class": type(optimizer).__name__}
            told.update(_jsonable(optimizer.get_config()))
            told["kinds"] = kinds(optimizer)
            self.recording.optimizers[str(id(optimizer))] = told

    def _alive(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for reference in self._variables:
            variable = reference()
            if variable is not None and _is_number(variable):
                found[self._name(variable)] = variable
        return found

    def _name(self, variable: Any) -> str:
        """Returns a variable's name: Keras's path, `VARIABLE/KIND` of a slot, else its own."""
        if not self._known:
            counts: dict[str, int] = {}
            alive = [v for v in (r() for r in self._variables) if v is not None]
            for one in sorted(alive, key=lambda v: id(v) in self._slots):  # slots name an owner
                base = self._base(one)
                number = counts[base] = counts.get(base, -1) + 1
                self._known[id(one)] = base + "_" + str(number) if number else base
        variable = getattr(variable, "_value", variable)
        return self._known.get(id(variable)) or self._base(variable)

    def _base(self, variable: Any) -> str:
        slot, owner, kind = self._slots.get(id(variable), (lambda: None, lambda: None, ""))
        if slot() is variable and id(owner()) in self._known:
            return self._known[id(owner())] + "/" + kind
        keras = self._paths.get(id(variable), lambda: None)()
        return keras.path if keras is not None else variable.name.split(":")[0]


def _is_number(tensor: Any) -> bool:
    return getattr(getattr(tensor, "dtype", None), "name", "string") not in (
        "string",
        "variant",
        "resource",
    )


def _distinct(logits: list[np.ndarray]) -> list[np.ndarray]:
    """Returns arrays without repeats: two losses of one step may share their logits."""
    found: list[np.ndarray] = []
    for array in logits:
        if not any(array.shape == o.shape and (array == o).all() for o in found):
            found.append(array)
    return found


def _is_array(value: Any) -> bool:
    kinds = hasattr(value, "shape") and hasattr(value, "dtype") and not hasattr(value, "assign_sub")
    return kinds and _is_number(value)


def _like(new: np.ndarray, value: Any) -> Any:
    if hasattr(value, "numpy"):
        import tensorflow

        return tensorflow.constant(new, value.dtype)
    return new.astype(value.dtype)


def _jsonable(told: dict[str, Any]) -> dict[str, Any]:
    plain = (bool, int, float, str)
    return {k: v if isinstance(v, plain) else str(v) for k, v in told.items()}
