"""What each optimizer keeps: names of slots in TensorFlow 1 and in Keras 3, and what differs.

A slot is called by its optimizer and a name, such as "Adam.m", in either style. Names of TF1 slots
come from tensorflow/python/training/{adam,momentum,rmsprop,adagrad}.py of TensorFlow 1.15, names
of Keras's lists from the `build` methods in keras/src/optimizers of Keras 3.
"""

from __future__ import annotations

from collections.abc import Collection

MOMENTUM = "Momentum.accumulator"
AVERAGE = "moving average"

# The last part of a TF1 name. RMSProp_1 and RMSProp_2 depend on each other: see `tf1_slot`.
_TF1_SLOTS = {
    "Adam": "Adam.m",
    "Adam_1": "Adam.v",
    "Momentum": MOMENTUM,
    "RMSProp": "RMSProp.rms",
    "RMSProp_1": "RMSProp.momentum",
    "RMSProp_2": "RMSProp.momentum",
    "Adagrad": "Adagrad.accumulator",
    "ExponentialMovingAverage": AVERAGE,
}

# By optimizer: its lists of slots. An optimizer's lists are all there, but may be empty.
_KERAS_SLOTS = {
    "Adam": {"_momentums": "Adam.m", "_velocities": "Adam.v"},
    "Momentum": {"momentums": MOMENTUM},
    "RMSProp": {
        "_velocities": "RMSProp.rms",
        "_momentums": "RMSProp.momentum",
        "_average_gradients": "RMSProp.mean_gradient",
    },
    "Adagrad": {"_accumulators": "Adagrad.accumulator"},
}
_KERAS_AVERAGES = "_model_variables_moving_average"  # of any optimizer with use_ema=True

NOTES = {
    "Adam": "Adam: TF1's epsilon is 1e-8, Keras's default 1e-7: create Adam(epsilon=1e-8). Keras "
    "counts steps where TF1 keeps powers of beta, and rounds differently.",
    "Momentum": "Momentum: TF1 keeps a = momentum * a + gradient and subtracts learning_rate * a; "
    "Keras keeps m = momentum * m - learning_rate * gradient and adds it. So m = "
    "-learning_rate * a, rounded to the variable's dtype: going there and back can change the "
    "last bit. A later change of the rate scales all of TF1's accumulator, and none of Keras's.",
    "RMSProp": "RMSProp: TF1's epsilon is 1e-10, Keras's default 1e-7: create RMSprop("
    "epsilon=1e-10). TF1's mean square starts at 1 and Keras's at 0; a converted one goes on from "
    "where it was. TF1 keeps a momentum slot even with momentum=0, when it is never read: "
    "name it in --ignore where Keras has none.",
    "Adagrad": "Adagrad: TF1 has no epsilon, Keras adds 1e-7 under the root by default: create "
    "Adagrad(epsilon=0). Both start the accumulator at 0.1.",
}


def tf1_slot(suffix: str, sibling_suffixes: Collection[str]) -> str | None:
    """Returns the slot that a TF1 name's last part stands for, None if it is no slot's.

    Args:
        suffix: such as "Adam_1".
        sibling_suffixes: the last parts of all names that belong to the same variable.
    """
    if suffix == "RMSProp_1" and "RMSProp_2" in sibling_suffixes:
        return "RMSProp.mean_gradient"  # a centered RMSProp creates it before the momentum
    return _TF1_SLOTS.get(suffix)


def keras_family(lists: Collection[str]) -> str | None:
    """Returns which optimizer has exactly these lists of slots: None if none of the known has."""
    given = set(lists) - {_KERAS_AVERAGES}
    if not given:
        return "SGD"  # some releases track no list where there is no momentum
    matching = (family for family, slots in _KERAS_SLOTS.items() if set(slots) == given)
    return next(matching, None)


def keras_slot(family: str, list_name: str) -> str:
    """Returns the slot that a Keras optimizer keeps in a list."""
    if list_name == _KERAS_AVERAGES:
        return AVERAGE
    return _KERAS_SLOTS.get(family, {}).get(list_name, f"{family}.{list_name.lstrip('_')}")
