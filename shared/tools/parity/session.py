"""The TensorFlow 1 style in a Session, of any TensorFlow, and what a recording sees of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow.compat.v1 as tf

from shared.models import Pair
from shared.program.batches import Arrays
from shared.tools.parity.recording import Run, Seen, state_variables


def session(pair: Pair) -> Run:
    """The TensorFlow 1 style, by its own methods."""
    return run_of(pair.create("tf1_style"))


def run_of(model: Any) -> Run:
    """How a model of tf1_style at step 0 is run and watched."""

    def watch(inputs: Arrays, steps: int) -> Callable[[], Seen]:
        model.session = WatchedSession(model)
        return model.session.seen

    return Run(model.config, model, model.train_steps, watch)


def _dense(model: Any) -> list[Any]:
    """The gradients that the update consumes; of IndexedSlices, those of an id are added."""
    with model.graph.as_default():
        return [tf.convert_to_tensor(gradient) for gradient in model.batch_gradients]


class WatchedSession:
    """Stands in for the Session of a model: fetches more with each update, and keeps it.

    Logits and gradients come from the very run that updates, so the gradients are those that the
    optimizer consumes; slots and variables are read before the next one.
    """

    def __init__(self, model: Any) -> None:
        """Takes a model of tf1_style, whose handles say what to fetch."""
        self._session, self._train_op = model.session, model.train_op
        self._before = {
            "logits": {"logits": model.logits if hasattr(model, "logits") else model.predictions},
            "gradient": dict(zip(model.parameters, _dense(model))),
        }
        after = {"slot": model.slot_variables(), "variable": state_variables(model)}
        self._keys = [(stage, name) for stage, tensors in after.items() for name in tensors]
        # A list made callable once: a third of the time of `run`.
        self._after = self._session.make_callable(
            [after[stage][name] for stage, name in self._keys]
        )
        self._kept: list = []

    def run(self, fetches: Any, feed_dict: Any = None) -> Any:
        """As the Session's `run`."""
        if not (isinstance(fetches, list) and any(f is self._train_op for f in fetches)):
            return self._session.run(fetches, feed_dict)
        result, before = self._session.run([fetches, self._before], feed_dict)
        self._kept.append((before, self._after()))
        return result

    def seen(self) -> Seen:
        """What the updates since the last call computed."""
        kept, self._kept = self._kept, []
        found: Any = {
            stage: {name: [before[stage][name] for before, _ in kept] for name in tensors}
            for stage, tensors in self._before.items()
        }
        found.update(slot={}, variable={})
        for position, (stage, name) in enumerate(self._keys):
            found[stage][name] = [after[position] for _, after in kept]
        return found
