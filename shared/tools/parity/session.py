"""The TensorFlow 1 style in a Session, of any TensorFlow, and what a recording sees of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow.compat.v1 as tf

from shared.models import Pair
from shared.program.batches import Arrays
from shared.tools.parity.recording import Run, Seen, parameters_by_update, state_variables


def session(pair: Pair) -> Run:
    """The TensorFlow 1 style, by its own methods."""
    return run_of(pair.create("tf1_style"))


def run_of(model: Any) -> Run:
    """How a model of tf1_style at step 0 is run and watched."""

    def watch(inputs: Arrays, steps: int) -> Callable[[], Seen]:
        model.session = WatchedSession(model)
        return model.session.seen

    return Run(model.config, model, model.train_steps, watch)


def _dense(model: Any, gradients: Sequence[Any]) -> list[Any]:
    """The gradients that an update consumes; of IndexedSlices, those of an id are added."""
    with model.graph.as_default():
        return [tf.convert_to_tensor(gradient) for gradient in gradients]


_LOGITS = ("logits", "fake_logits", "predictions")  # the first that a model has


class WatchedSession:
    """Stands in for the Session of a model: fetches more with each update, and keeps it.

    Logits and gradients come from the very run that updates, so the gradients are those that the
    optimizer consumes; slots and variables are read before the next step. Where a step makes
    several updates, a run each, the logits are those of the last.
    """

    def __init__(self, model: Any) -> None:
        """Takes a model of tf1_style, whose handles say what to fetch."""
        self._session = model.session
        self._logits = next(getattr(model, name) for name in _LOGITS if hasattr(model, name))
        names = parameters_by_update(model)
        is_one = list(names) == [""]
        self._train_ops = {"": model.train_op} if is_one else model.train_ops
        gradients = {"": model.batch_gradients} if is_one else model.batch_gradients
        self._gradients = {
            update: dict(zip(names[update], _dense(model, gradients[update]))) for update in names
        }
        after = {"slot": model.slot_variables(), "variable": state_variables(model)}
        self._keys = [(stage, name) for stage, tensors in after.items() for name in tensors]
        # A list made callable once: a third of the time of `run`.
        self._after = self._session.make_callable(
            [after[stage][name] for stage, name in self._keys]
        )
        self._now: dict[str, Any] = {}  # gradients by update, of a step that is not done
        self._kept: list = []

    def run(self, fetches: Any, feed_dict: Any = None) -> Any:
        """As the Session's `run`."""
        update = self._update_in(fetches)
        if update is None:
            return self._session.run(fetches, feed_dict)
        before = [self._logits, self._gradients[update]]
        result, (logits, self._now[update]) = self._session.run([fetches, before], feed_dict)
        if len(self._now) == len(self._train_ops):
            gradients = {name: g for found in self._now.values() for name, g in found.items()}
            self._kept.append((logits, gradients, self._after()))
            self._now = {}
        return result

    def _update_in(self, fetches: Any) -> str | None:
        """Returns the name of the update among the fetches, None for a run that updates nothing."""
        fetched = fetches if isinstance(fetches, list) else []
        return next(
            (name for name, op in self._train_ops.items() if any(f is op for f in fetched)), None
        )

    def seen(self) -> Seen:
        """What the updates since the last call computed."""
        kept, self._kept = self._kept, []
        found: Any = {"logits": {"logits": [logits for logits, _, _ in kept]}}
        found["gradient"] = {
            name: [gradients[name] for _, gradients, _ in kept]
            for names in self._gradients.values()
            for name in names
        }
        found.update(slot={}, variable={})
        for position, (stage, name) in enumerate(self._keys):
            found[stage][name] = [after[position] for _, _, after in kept]
        return found
