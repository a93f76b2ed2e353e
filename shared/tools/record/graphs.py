"""Hooks sessions: finds the updates behind each run, and fetches their numbers in the same run."""

import collections
import functools
import re
import threading
from typing import Any

import numpy as np

from shared.tools.record.noise import RANDOM
from shared.tools.record.session import Recording

_APPLY = re.compile("(Resource)?(Sparse)?Apply[A-Z]")
_ASSIGN = re.compile("(Assign(Add|Sub)?(VariableOp)?|(Resource)?Scatter(Add|Sub|Update|NdUpdate))$")
_STORES = ("Variable", "VariableV2", "VarHandleOp")
_DATA = ("IteratorGetNext", "QueueDequeue", "ReaderRead")
_GIVEN = ("Placeholder", "IteratorGetNext", "QueueDequeue", "ReaderRead")
MOST_LOGITS = 4
_SAME = ("Identity", "ReadVariableOp", "Enter", "RefEnter", "Switch", "RefSwitch", "RefIdentity")


class Plan:
    """What one kind of run updates, and what is fetched beside it."""

    def __init__(self) -> None:
        """Begins with nothing."""
        self.is_step = False
        self.noise: list[Any] = []
        self.random_operations = 0
        self.extra: dict[str, dict[str, Any]] = {}
        self.data: list[Any] = []


class Graphs:
    """The hooks of TensorFlow 1's world."""

    def __init__(self, recording: Recording) -> None:
        """Holds what graphs tell while the program builds them."""
        self.recording = recording
        self._losses: list[tuple[Any, list[Any]]] = []
        self._derived: list[tuple[Any, Any]] = []  # (what holds a variable, a gradient for it)
        self._owners: dict[Any, str] = {}
        self.eager_applied: Any = None
        self._applied: list[tuple[Any, Any, Any]] = []
        self._plans: dict[Any, Plan] = {}
        self._within = threading.local()
        self._one_step = threading.RLock()  # programs may train in several threads
        self._optimizers: list[Any] = []

    def hook_session(self, module: Any) -> None:
        """Replaces `run` and the callables of sessions by ones that record."""
        kind, self._mapper, self._session = module.BaseSession, module._FetchMapper, module
        self._run = kind.run
        kind.run = lambda session, fetches, feed_dict=None, options=None, run_metadata=None: (
            self.run(session, fetches, feed_dict, options, run_metadata)
        )
        self._hook_make_callable(kind)
        plain = kind._make_callable_from_options

        def callable_from_options(session: Any, options: Any) -> Any:
            made = plain(session, options)
            if len(options.tensor_connection):
                return made
            names = list(options.fetch) + list(options.target)

            def call(*values: Any, **others: Any) -> Any:
                fetches = [session.graph.as_graph_element(name) for name in names]
                if not self.plan(session, fetches).is_step:
                    return made(*values, **others)
                feeds = dict(zip(options.feed, values))
                return session.run(fetches, feeds)[: len(options.fetch)]

            return call

        kind._make_callable_from_options = callable_from_options

    def _hook_make_callable(self, kind: Any) -> None:
        """Records callables without feeds, such as a queue runner's: others call `run`."""
        plain = kind.make_callable

        @functools.wraps(plain)
        def make_callable(
            session: Any, fetches: Any, feed_list: Any = None, accept_options: bool = False
        ) -> Any:
            made = plain(session, fetches, feed_list, accept_options)
            if feed_list is not None:
                return made
            with session.graph.as_default():
                elements = self._mapper.for_fetch(fetches).unique_fetches()
            elements = [session.graph.as_graph_element(e) for e in elements]

            def call(*arguments: Any, **options: Any) -> Any:
                if not self.plan(session, elements).is_step:
                    return made(*arguments, **options)
                return session.run(fetches, None, *arguments, **options)

            return call

        kind.make_callable = make_callable

    def hook_gradients(self, module: Any) -> None:
        """Learns which losses are differentiated: by `tf.gradients`, so by each optimizer."""
        plain = module._GradientsHelper

        def helper(ys: Any, xs: Any, *arguments: Any, **options: Any) -> Any:
            found = plain(ys, xs, *arguments, **options)
            sources = xs if isinstance(xs, (list, tuple)) else [xs]
            stores = [source_of(x.op) if hasattr(x, "op") else None for x in sources]
            self._derived += [p for p in zip(stores, found) if None not in (p[0], p[1])]
            if any(store is not None for store in stores):
                for y in ys if isinstance(ys, (list, tuple)) else [ys]:
                    self._losses.append((y, [g for g in found if g is not None]))
            return found

        module._GradientsHelper = helper

    def hook_slots(self, module: Any) -> None:
        """Learns whose slot a variable is, where TensorFlow 1's optimizers create one."""
        for name in ("create_slot", "create_slot_with_initializer"):
            setattr(module, name, self._slot_hook(getattr(module, name)))

    def _slot_hook(self, plain: Any) -> Any:
        @functools.wraps(plain)
        def create(primary: Any, *arguments: Any, **options: Any) -> Any:
            slot = plain(primary, *arguments, **options)
            self._own(slot, primary, slot.op.name.rpartition("/")[2])
            return slot

        return create

    def _own(self, slot: Any, variable: Any, name: str) -> None:
        if not is_eager(slot) and not slot.op.name.startswith(variable.op.name + "/"):
            self._owners[slot.op] = variable.op.name + "/" + name

    def hook_optimizer(self, module: Any) -> None:
        """Learns which gradients an optimizer applies, and the optimizer's settings."""
        kind = getattr(module, "Optimizer", None) or module.OptimizerV2
        kind.apply_gradients = self._apply_hook(module, kind.apply_gradients, True)
        plain = kind.__init__

        @functools.wraps(plain)
        def init(optimizer: Any, *arguments: Any, **options: Any) -> None:
            self._hook_overriding(module, type(optimizer))
            plain(optimizer, *arguments, **options)

        kind.__init__ = init
        if hasattr(kind, "add_slot"):
            self._hook_add_slot(kind)

    def _hook_overriding(self, module: Any, kind: Any) -> None:
        """Hooks optimizers of the program's own, whose `apply_gradients` needs no other one."""
        for base in kind.__mro__:
            own = vars(base).get("apply_gradients")
            if own is not None and not hasattr(own, "records"):
                base.apply_gradients = self._apply_hook(module, own, False)

    def _apply_hook(self, module: Any, plain: Any, is_base: bool) -> Any:
        def apply_gradients(
            optimizer: Any, grads_and_vars: Any, *arguments: Any, **options: Any
        ) -> Any:
            pairs, before = list(grads_and_vars), len(self._applied)
            if self.eager_applied and is_eager_outside(module):
                if is_base:
                    self.eager_applied(pairs)
                return plain(optimizer, pairs, *arguments, **options)
            done = plain(optimizer, pairs, *arguments, **options)
            if not is_base and len(self._applied) > before:
                return done  # what it called has told more: gradients clipped, or of all replicas
            if hasattr(done, "graph") and not hasattr(done, "numpy"):
                self._applied += [(done, g, v) for g, v in pairs if g is not None]
            if not any(known is optimizer for known in self._optimizers):
                self._optimizers.append(optimizer)  # kept: else another could get its id
                self.recording.optimizers[str(id(optimizer))] = settings(optimizer)
            return done

        apply_gradients.records = True  # type: ignore[attr-defined]
        return apply_gradients

    def _hook_add_slot(self, kind: Any) -> None:
        plain = kind.add_slot

        @functools.wraps(plain)
        def add_slot(optimizer: Any, var: Any, slot_name: str, *rest: Any, **options: Any) -> Any:
            slot = plain(optimizer, var, slot_name, *rest, **options)
            if not is_eager(var):
                self._own(slot, var, slot_name)
            return slot

        kind.add_slot = add_slot

    def run(self, session: Any, fetches: Any, feeds: Any, options: Any, metadata: Any) -> Any:
        """`Session.run`, with the numbers of a step beside it."""
        if getattr(self._within, "step", False):
            return self._run(session, fetches, feeds, options, metadata)
        try:
            with session.graph.as_default():  # a thread or a second graph may have another one
                elements = self._mapper.for_fetch(fetches).unique_fetches()
            elements = [session.graph.as_graph_element(e) for e in elements]
            plan = self.plan(session, elements)
        except (TypeError, ValueError, KeyError):  # let TensorFlow say what is wrong
            return self._run(session, fetches, feeds, options, metadata)
        self.recording.noise.begin(plan.noise)
        if not plan.is_step:
            return self._run(session, fetches, feeds, options, metadata)
        with self._one_step:
            self._within.step = True
            try:
                return self._step(session, plan, fetches, feeds, options, metadata)
            finally:
                self._within.step = False

    def _step(
        self, session: Any, plan: Plan, fetches: Any, feeds: Any, options: Any, metadata: Any
    ) -> Any:
        if not self.recording.has_initial:
            self._begin(session)
        given = self._flat(session, feeds or {})
        self._feed_recorded(plan, given)
        is_full = self.recording.is_full()
        extra = dict(plan.extra)
        extra["gradients"] = plan.extra["gradients"] if is_full else {}
        extra["batch"] = {name(t): t for t in plan.data if t not in given}
        result, seen = self._run(session, [fetches, extra], given or feeds, options, metadata)
        seen["batch"].update((name(t), fed(t, v)) for t, v in given.items() if is_plain(v))
        order = [name(t) for t in in_order(list(given) + plan.data)]
        values = self._variables(session) if is_full else {}
        variables, slots = self._split(session, values)
        noise = self.recording.noise
        noise.drawn = max(plan.random_operations, len(plan.noise))
        self.recording.record(
            seen["losses"],
            collections.OrderedDict((n, seen["batch"][n]) for n in order if n in seen["batch"]),
            seen["logits"],
            {n: dense(g, values.get(n)) for n, g in seen["gradients"].items()},
            slots,
            variables,
        )
        return result

    def _flat(self, session: Any, feeds: Any) -> dict[Any, Any]:
        """Returns what is fed by tensor: state tuples and sparse tensors taken apart."""
        given = collections.OrderedDict()
        for key, value in self._session.nest.flatten_dict_items(feeds).items():
            pieces = [(key, value)]
            for kind, _, expand, _ in self._session._REGISTERED_EXPANSIONS:
                if isinstance(key, kind):
                    pieces = expand(key, value)
                    break
            for piece, number in pieces:
                given[session.graph.as_graph_element(piece)] = number
        return given

    def _feed_recorded(self, plan: Plan, given: dict[Any, Any]) -> None:
        if self.recording.batches is None:
            return
        tensors = [t for t in given if np.ndim(given[t])] + [t for t in plan.data if t not in given]
        for position, tensor in enumerate(in_order(tensors)):
            if tensor.shape.ndims is not None:
                kind = np.dtype(tensor.dtype.as_numpy_dtype).kind
                shape = tensor.shape.as_list()
                value = self.recording.given_batch(name(tensor), position, shape, kind)
                if value is not None:
                    given[tensor] = value

    def _begin(self, session: Any) -> None:
        """Gives the initial values asked for, through each variable's own initializer."""
        values, variables = self._variables(session), self._by_name(session)
        new = {
            n: self.recording.value_to_start_from(n, values[n]) for n in variables if n in values
        }
        targets: list[Any] = []
        feeds: dict[Any, Any] = {}
        for n in (n for n in new if new[n] is not None):
            initializer = variables[n].initializer
            if initializer.inputs[1] in feeds:  # variables that share their initial value
                self._run(session, targets, feeds)
                targets, feeds = [], {}
            targets.append(initializer)
            feeds[initializer.inputs[1]] = new[n]
        if targets:
            self._run(session, targets, feeds)
        self.recording.initial(*self._split(session, self._variables(session)))

    def _by_name(self, session: Any) -> dict[str, Any]:
        found: dict[str, Any] = collections.OrderedDict()
        for variable in session.graph.get_collection("variables"):
            found[self._owners.get(variable.op, variable.op.name)] = variable
        for variable in session.graph.get_collection("trainable_variables"):
            found.setdefault(variable.op.name, variable)
        return found

    def _split(self, session: Any, values: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns variables and slots apart, in the order of creation."""
        trained = {v.op.name for v in session.graph.get_collection("trainable_variables")}
        slots = {n for n in values if n not in trained and n.rpartition("/")[0] in trained}
        slots.update(self._owners.values())
        order = [n for n in self._by_name(session) if n in values]
        return (
            collections.OrderedDict((n, values[n]) for n in order if n not in slots),
            collections.OrderedDict((n, values[n]) for n in order if n in slots),
        )

    def _variables(self, session: Any) -> dict[str, Any]:
        return self._read(session, list(self._by_name(session).items()))

    def _read(self, session: Any, variables: list[Any]) -> dict[str, Any]:
        """Returns the values of variables that have one, in as few runs as can be.

        Each new set of fetches makes TensorFlow prepare the whole graph anew.
        """
        try:
            return dict(self._run(session, dict(variables)))
        except Exception:  # one is not initialized: the program does it later
            half = len(variables) // 2
            found = self._read(session, variables[:half]) if half else {}
            found.update(self._read(session, variables[half:]) if half else {})
            return found

    def plan(self, session: Any, elements: list[Any]) -> Plan:
        """Returns what a run of these graph elements updates."""
        key = (session.graph, frozenset(e.name for e in elements), len(self._applied))
        if key not in self._plans:
            self._plans[key] = self._planned(session.graph, elements)
        return self._plans[key]

    def _planned(self, graph: Any, elements: list[Any]) -> Plan:
        reached = ancestors([getattr(e, "op", e) for e in elements])
        plan = Plan()
        places = self.recording.noise.places
        plan.noise = sorted((o for o in reached if o in places), key=lambda o: o._id)
        left = sorted({o.type for o in reached if o.type.startswith(RANDOM)})
        plan.random_operations = len(left)
        if left and self.recording.options.noise is not None:
            self.recording.warn("--noise leaves these operations alone: " + ", ".join(left))
        gradients: dict[str, Any] = collections.OrderedDict()
        by_hand: dict[str, Any] = {}
        trained = {v.op for v in graph.get_collection("trainable_variables")}
        ordered = sorted(reached, key=lambda operation: operation.name)
        for operation in ordered:
            if _APPLY.match(operation.type):
                plan.is_step = True
                inputs = dict(zip((a.name for a in operation.op_def.input_arg), operation.inputs))
                gradient = inputs.get("grad", inputs.get("delta"))
                store = store_of(operation)
                if gradient is not None and store is not None:
                    indices = inputs.get("indices")
                    gradients[store.name] = (gradient,) if indices is None else (gradient, indices)
            elif _ASSIGN.match(operation.type) and self._updates_by_hand(operation, trained):
                plan.is_step = True
                by_hand.update(self._used_by(operation))
        for done, gradient, variable in self._applied:
            if done in reached:
                pieces: Any = (gradient,)
                if hasattr(gradient, "indices"):
                    pieces = (gradient.values, gradient.indices)
                gradients.setdefault(variable.op.name, pieces)
        for variable_name, pieces in by_hand.items():
            gradients.setdefault(variable_name, pieces)
        # Of a gradient that a run computes only to show it, the loss is none of the step.
        applied = [piece.op for pieces in gradients.values() for piece in pieces]
        behind = ancestors(applied) & reached if applied else reached
        losses = collections.OrderedDict()
        for loss, found in self._losses:
            tensors = [getattr(g, "values", g) for g in found]
            if any(t.op in behind for t in tensors) and is_harmless(loss.op, reached):
                losses[loss.op.name] = loss
        plan.extra = {
            "losses": {n: t for n, t in losses.items() if graph.is_fetchable(t)},
            "gradients": {
                n: g for n, g in gradients.items() if all(graph.is_fetchable(t) for t in g)
            },
            "logits": logits_behind(graph, list(losses.values())),
        }
        plan.data = [
            tensor
            for operation in ordered
            if operation.type.startswith(_DATA)
            for tensor in operation.outputs
            if graph.is_fetchable(tensor) and tensor.dtype.name not in ("string", "variant")
        ]
        return plan

    def _updates_by_hand(self, operation: Any, trained: Any) -> bool:
        """Whether an assignment trains: it adds or subtracts, or assigns what depends on data.

        So no initializer, no restored value, no copy or average of variables and no clipping.
        """
        if store_of(operation) not in trained:
            return False
        if re.search("Add|Sub|Scatter", operation.type):
            return True
        behind = ancestors([operation.inputs[1].op])
        origins = {o.type for o in behind}
        value = operation.inputs[1].op
        while value.type in ("Identity", "ReadVariableOp") and len(value.inputs):
            value = value.inputs[0].op
        if "RestoreV2" in origins or value.type in _STORES or not origins & set(_STORES):
            return False
        derived = {getattr(g, "values", g).op for _, g in self._derived}
        return bool(derived & behind) or any(t.startswith(_GIVEN) for t in origins)

    def _used_by(self, operation: Any) -> dict[str, Any]:
        """Returns the gradient that an update by hand is made of, by the variable's name."""
        store, behind = store_of(operation), ancestors([operation.inputs[-1].op])
        found = {}
        for source, gradient in self._derived:
            pieces: Any = (gradient,)
            if hasattr(gradient, "indices"):
                pieces = (gradient.values, gradient.indices)
            if source is store and all(piece.op in behind for piece in pieces):
                found[store.name] = pieces
        return found


def is_eager(tensor: Any) -> bool:
    """Whether a tensor or variable holds its value now, and is none of a graph."""
    return not hasattr(tensor, "graph") or hasattr(tensor, "_numpy")


def is_eager_outside(module: Any) -> bool:
    """Whether the program runs eagerly here, or inside a function that eager code calls."""
    ask = getattr(module.ops, "executing_eagerly_outside_functions", None)
    return bool((ask or module.context.executing_eagerly)())


def kinds(optimizer: Any) -> list[str]:
    """Returns the names of an optimizer's class and of those that it is derived from."""
    return [kind.__name__ for kind in type(optimizer).__mro__ if kind is not object]


def settings(optimizer: Any) -> dict[str, Any]:
    """Returns an optimizer's class and the numbers it was made with."""
    found: dict[str, Any] = {"class": type(optimizer).__name__, "kinds": kinds(optimizer)}
    hyper = dict(getattr(optimizer, "_hyper", None) or {})
    for key, value in list(vars(optimizer).items()) + list(hyper.items()):
        if isinstance(value, (bool, int, float, str)) and "name" not in key:
            found[key.strip("_")] = value
    return found


def ancestors(operations: list[Any]) -> Any:
    """Returns all operations that a run of these executes."""
    seen, todo = set(), list(operations)
    while todo:
        operation = todo.pop()
        if operation not in seen:
            seen.add(operation)
            todo += [tensor.op for tensor in operation.inputs] + list(operation.control_inputs)
    return seen


def is_harmless(operation: Any, reached: Any) -> bool:
    """Whether a run may compute `operation` too: it draws, consumes and reads no variable anew."""
    for extra in ancestors([operation]) - reached:
        sources = [tensor.op for tensor in extra.inputs]
        sources += [t.op for o in sources if o.type == "Identity" for t in o.inputs]
        if extra.op_def.is_stateful or extra.type.startswith("Placeholder"):
            return False
        if any(source.type in _STORES for source in sources):
            return False
    return True


def store_of(operation: Any) -> Any:
    """Returns the operation that holds the variable which `operation` changes, or None."""
    return source_of(operation.inputs[0].op)


def source_of(source: Any) -> Any:
    """Returns the operation that holds the variable whose value or handle this is, or None."""
    while source.type in _SAME and len(source.inputs):
        source = source.inputs[0].op
    return source if source.type in _STORES else None


def logits_behind(graph: Any, targets: Any) -> dict[str, Any]:
    """Returns the logits of the cross entropies behind some losses: "logits", "logits_1" and so on.

    They are found in the graph, in the order in which the program made the cross entropies; none
    where there are more than `MOST_LOGITS`, such as one for each step of an unrolled sequence.
    """
    found: dict[str, Any] = collections.OrderedDict()
    for operation in sorted(ancestors([loss.op for loss in targets]), key=lambda o: o._id):
        logits = logits_of(operation)
        if logits is not None:
            found.setdefault(logits.name, logits)
    if len(found) > MOST_LOGITS or not all(map(graph.is_fetchable, found.values())):
        return {}
    return numbered(list(found.values()))


def numbered(logits: list[Any]) -> dict[str, Any]:
    """Returns logits by the names that a trace has for them."""
    names = ["logits_" + str(i) if i else "logits" for i in range(len(logits))]
    return collections.OrderedDict(zip(names, logits))


def logits_of(operation: Any) -> Any:
    """Returns the logits of which an operation computes a cross entropy, or None.

    The sigmoid's has no operation of its own: it is (relu - logits * labels) + log1p(exp(...)).
    """
    if operation.type.endswith("SoftmaxCrossEntropyWithLogits"):
        return operation.inputs[0]
    if operation.type not in ("Add", "AddV2"):
        return None
    left, right = (tensor.op for tensor in operation.inputs)
    if right.type != "Log1p" or right.inputs[0].op.type != "Exp" or left.type != "Sub":
        return None
    product = left.inputs[1].op
    return product.inputs[0] if product.type == "Mul" else None


def in_order(tensors: list[Any]) -> list[Any]:
    """Returns tensors in the order in which the program made them."""
    return sorted(tensors, key=lambda tensor: (tensor.op._id, tensor.value_index))


def name(tensor: Any) -> str:
    """Returns a tensor's name without `:0`; other outputs keep their number."""
    return re.sub(":0$", "", tensor.name).replace(":", "_")


def is_plain(value: Any) -> bool:
    """Whether a fed value is an array, and no sparse tensor or handle."""
    return not isinstance(value, tuple) and np.asarray(value).dtype.kind in "biuf"


def fed(tensor: Any, value: Any) -> np.ndarray:
    """Returns a fed value as the session sees it."""
    return np.array(value, dtype=tensor.dtype.as_numpy_dtype)


def dense(pieces: tuple[np.ndarray, ...], variable: Any) -> np.ndarray:
    """Returns a gradient as an array of the variable's shape; rows of one index are summed."""
    if len(pieces) == 1:
        return pieces[0]
    values, indices = pieces
    whole = np.zeros(np.shape(variable), values.dtype)
    np.add.at(whole, indices, values)
    return whole
