"""Values of tensors that are computed, not copied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from shared.errors import CheckpointError
from shared.tools.checkpoint_conversion.adam_steps import power_after, updates_from
from shared.tools.checkpoint_conversion.contents import Contents
from shared.tools.checkpoint_conversion.conversion_map import KerasAdam
from shared.tools.checkpoint_conversion.files import digest
from shared.tools.checkpoint_conversion.row_blocks import are_equal, tensor


def require_equal(contents: Contents, names: Sequence[str]) -> None:
    """Raises CheckpointError unless tensors that become one have the same value."""
    first, *others = names
    expected = digest(contents.read(first))
    for name in others:
        if digest(contents.read(name)) != expected:
            raise CheckpointError(
                f"{contents.prefix}: {name}: expected the value of {first}, because both are one "
                "variable in TF1; found another"
            )


def integer(value: int, dtype: str) -> Any:
    """Returns an integer scalar."""
    import tensorflow as tf

    return tf.constant(value, tf.as_dtype(dtype))


def number(value: float, dtype: str) -> Any:
    """Returns a floating-point scalar."""
    import tensorflow as tf

    return tf.constant(value, tf.as_dtype(dtype))


def as_integer(read: Callable[[], Any], dtype: str, place: str) -> Any:
    """Returns an integer scalar in another integer dtype; CheckpointError if it does not fit."""
    value = int(read())
    if not np.iinfo(dtype).min <= value <= np.iinfo(dtype).max:
        raise CheckpointError(f"{place}: expected a number that fits into {dtype}; found {value}")
    return integer(value, dtype)


def scaled(slot: Any, rate: float, divide: bool) -> Any:
    """Returns TF1's accumulator as Keras's, or the other way (`divide`); one rounding.

    TF1: a = momentum * a + g, w -= rate * a. Keras: m = momentum * m - rate * g, w += m. Written
    with m = -rate * a, they are the same.

    Args:
        slot: an array or its rows; so is what is returned.
        rate: the learning rate.
        divide: whether Keras's becomes TF1's.
    """
    factor = slot.dtype.type(-rate)
    return slot / factor if divide else slot * factor


def scaled_momentum(rows: Callable[[], Any], rate: float) -> Any:
    """Returns TF1's accumulator as Keras's, an eager tensor."""
    return tensor(scaled(rows(), rate, divide=False))


def unscaled_momentum(rows: Callable[[], Any], kept: Callable[[], Any], rate: float) -> Any:
    """Returns Keras's momentum as TF1's accumulator, an eager tensor.

    Scaling rounds, so that several accumulators become one momentum. Where the template's becomes
    the very one that is read, it is the answer: nothing was trained in between.
    """
    slot = rows()
    try:
        before = kept()
    except CheckpointError:  # a template with names and shapes only
        before = None
    if before is not None and are_equal(scaled(before, rate, divide=False), slot):
        return tensor(before)
    return tensor(scaled(slot, rate, divide=True))


def has_underflowed(contents: Contents, adam: KerasAdam) -> bool:
    """Whether the power that tells the step is 0, as it is after some 87,000 updates."""
    return bool(np.all(contents.read(adam.beta2_power or adam.beta1_power).numpy() == 0))


def require_equal_counts(contents: Contents, one: str, other: str) -> None:
    """Raises CheckpointError unless two counts are the same number."""
    found = int(contents.read(one)), int(contents.read(other))
    if found[0] != found[1]:
        raise CheckpointError(
            f"{contents.prefix}: {other}: expected {found[0]}, as {one} is, because TF1 keeps both "
            f"as powers of beta; found {found[1]}"
        )


def stored_rate(contents: Contents, optimizer: str | None) -> float | None:
    """Returns the learning rate that a Keras optimizer saved; None where it has a schedule."""
    name = f"{optimizer}/_learning_rate"
    return float(contents.read(name)) if name in contents.variables else None


def power(beta: float, steps: int) -> Any:
    """Returns TF1's running product of beta after `steps` updates, a float32 scalar."""
    import tensorflow as tf

    return tf.constant(power_after(beta, steps))


def steps_of_power(contents: Contents, adam: KerasAdam) -> int:
    """Returns how many updates TF1's beta2_power stands for; CheckpointError if for none."""
    name, beta = adam.beta2_power, adam.beta2
    if not name:
        name, beta = adam.beta1_power, adam.beta1
    return updates_from(beta, contents.read(name).numpy(), f"{contents.prefix}: {name}")


def require_powers(contents: Contents, adam: KerasAdam, steps: int) -> None:
    """Raises CheckpointError unless TF1's powers are those after `steps` updates.

    Otherwise Keras, which computes them from the count, would go on with other ones.
    """
    for name, beta in ((adam.beta1_power, adam.beta1), (adam.beta2_power, adam.beta2)):
        if not name:
            continue
        found = contents.read(name).numpy()
        if abs(found) < np.finfo(np.float32).tiny:
            found = np.float32(
                0
            )  # a device that does not flush denormals; 1 - it is 1 all the same
        expected = power_after(beta, steps)
        if found != expected:
            raise CheckpointError(
                f"{contents.prefix}: {name}: expected {expected:.9g}, {beta:g} to the power of "
                f"{steps} + 1, because the step is {steps}; found {found:.9g}"
            )
