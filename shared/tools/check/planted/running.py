"""Trains one program in both styles in this process, and records both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.trace_recorder import TraceRecorder

STEPS = 5
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Side:
    """What one style gives for a batch: logits, loss, and averages that the step moves.

    `groups` are (loss, names of the variables that it trains), in the order of their updates. Each
    update is recorded as a step of its own.
    """

    logits: Any
    groups: Sequence[tuple[Any, Sequence[str]]]
    averages: Mapping[str, Any]


@dataclass(frozen=True)
class Program:
    """A small model in both styles.

    Attributes:
        name: what the table calls it.
        start: its initial values.
        averages: those of `start` that no optimizer trains.
        batch: step -> name -> array.
        old: placeholders and variables -> `Side`, in TensorFlow 1's way.
        old_optimizer: global step -> one of tf.compat.v1.train.
        old_slots: kinds of slots, by TensorFlow 1's name -> name in the trace.
        old_clip: gradients -> clipped.
        new: batch, variables, mistake -> `Side`, in TensorFlow 2's way.
        new_optimizer: mistake -> one of Keras.
        new_slots: attributes of Keras's optimizer -> name in the trace.
        new_clip: gradients, mistake -> clipped.
    """

    name: str
    start: Arrays
    batch: Callable[[int], Arrays]
    old: Callable[[Mapping, Mapping], Side]
    old_optimizer: Callable[[Any], Any]
    new: Callable[[Mapping, Mapping, str], Side]
    new_optimizer: Callable[[str], Any]
    averages: tuple[str, ...] = ()
    old_slots: Mapping[str, str] = None  # type: ignore[assignment]
    new_slots: Mapping[str, str] = None  # type: ignore[assignment]
    old_clip: Callable[[list], list] = lambda gradients: gradients
    new_clip: Callable[[list, str], list] = lambda gradients, mistake: gradients
    new_order: Callable[[str], int] = lambda mistake: 1  # -1: the last group first
    together: Callable[[str], bool] = lambda mistake: False  # all gradients before any update


def moved(start: Mapping[str, np.ndarray], seed: int) -> Arrays:
    """Returns initial values, each moved to the next float above or below or left, at random."""
    rng = np.random.RandomState(seed)
    result = {}
    for name, value in start.items():
        way = rng.randint(-1, 2, value.shape)
        up, down = np.nextafter(value, np.float32(np.inf)), np.nextafter(value, -np.float32(np.inf))
        result[name] = np.where(way > 0, up, np.where(way < 0, down, value)).astype(value.dtype)
    return result


def train_old(program: Program, out: Path, start: Mapping[str, np.ndarray]) -> Path:
    """Trains in a Session and records; returns the trace's path."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        first = program.batch(1)
        fed = {
            n: v1.placeholder(a.dtype, [None, *a.shape[1:]] if a.ndim else [])
            for n, a in first.items()
        }
        variables = {
            n: v1.get_variable(n, initializer=a, use_resource=True) for n, a in start.items()
        }
        side = program.old(fed, variables)
        global_step = v1.train.get_or_create_global_step()
        runs, optimizers = [], []
        for loss, names in side.groups:
            optimizer = program.old_optimizer(global_step)
            pairs = optimizer.compute_gradients(loss, [variables[n] for n in names])
            clipped = program.old_clip([g for g, _ in pairs])
            update = optimizer.apply_gradients(
                list(zip(clipped, [v for _, v in pairs], strict=True)), global_step
            )
            dense = {n: tf.convert_to_tensor(g) for n, (g, _) in zip(names, pairs, strict=True)}
            runs.append((loss, dense, update))
            optimizers.append((optimizer, names))
        averages = [v1.assign(variables[n], value) for n, value in side.averages.items()]
        slots = {
            f"{n}/{kind}": optimizer.get_slot(variables[n], key)
            for optimizer, names in optimizers
            for n in names
            for key, kind in (program.old_slots or {}).items()
        }
        session.run(v1.global_variables_initializer())
        with TraceRecorder(out, model=program.name, style="tf1_style", every=1) as recorder:
            recorder.record_initial(session.run(variables), session.run(slots), step=0)
            for step in range(1, STEPS + 1):
                batch = program.batch(step)
                feed = {fed[n]: a for n, a in batch.items()}
                for number, (loss, dense, update) in enumerate(runs):
                    with_it = averages if number == 0 else []
                    seen = session.run([loss, dense, side.logits, update, with_it], feed)
                    recorder.record(
                        (step - 1) * len(runs) + number + 1,
                        seen[0],
                        batch=batch,
                        logits=seen[2],
                        gradients=seen[1],
                        slots=session.run(slots),
                        variables=session.run(variables),
                    )
    return out


def train_new(
    program: Program,
    out: Path,
    start: Mapping[str, np.ndarray],
    mistake: str,
    steps: int = STEPS,
) -> Path:
    """Trains eagerly with a tape and a Keras optimizer and records; returns the trace's path."""
    import tensorflow as tf

    variables = {n: tf.Variable(a, name=n) for n, a in start.items()}
    groups = [list(names) for _, names in program.new(program.batch(1), variables, mistake).groups]
    optimizers = [program.new_optimizer(mistake) for _ in groups]
    for optimizer, names in zip(optimizers, groups, strict=True):
        optimizer.build([variables[n] for n in names])

    def slots() -> Arrays:
        found = {}
        for optimizer, names in zip(optimizers, groups, strict=True):
            for attribute, kind in (program.new_slots or {}).items():
                values = getattr(optimizer, attribute)
                found.update(
                    {f"{n}/{kind}": np.asarray(v) for n, v in zip(names, values, strict=True)}
                )
        return found

    def values() -> Arrays:
        return {n: v.numpy() for n, v in variables.items()}

    def gradients_of(number: int, batch: Arrays) -> tuple[Any, Any, list, Mapping]:
        with tf.GradientTape() as tape:
            side = program.new(batch, variables, mistake)
            loss = side.groups[number][0]
        found = tape.gradient(loss, [variables[n] for n in groups[number]])
        found = [
            tf.zeros_like(variables[n]) if g is None else g
            for g, n in zip(found, groups[number], strict=True)
        ]
        return side.logits, loss, found, side.averages

    with TraceRecorder(out, model=program.name, style="tf2_style", every=1) as recorder:
        recorder.record_initial(values(), slots(), step=0)
        for step in range(1, steps + 1):
            batch = program.batch(step)
            order = list(range(len(groups)))[:: program.new_order(mistake)]
            ready = [gradients_of(n, batch) for n in order] if program.together(mistake) else None
            for position, number in enumerate(order):
                made = ready[position] if ready is not None else gradients_of(number, batch)
                logits, loss, found, averages = made
                clipped = program.new_clip(found, mistake)
                own = [variables[n] for n in groups[number]]
                optimizers[number].apply_gradients(list(zip(clipped, own, strict=True)))
                if number == 0:
                    for n, value in averages.items():
                        variables[n].assign(value)
                dense = [tf.convert_to_tensor(g).numpy() for g in found]
                recorder.record(
                    (step - 1) * len(groups) + position + 1,
                    loss.numpy(),
                    batch=batch,
                    logits=logits.numpy(),
                    gradients=dict(zip(groups[number], dense, strict=True)),
                    slots=slots(),
                    variables=values(),
                )
    return out
