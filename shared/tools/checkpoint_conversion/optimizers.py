"""What each optimizer keeps: names of slots in TensorFlow 1 and in Keras 3, and what differs.

A slot is called by its optimizer and a name, such as "Adam.m", in either style. Names of TF1 slots
come from tensorflow/python/training/{adam,momentum,rmsprop,adagrad}.py of TensorFlow 1.15, names
of Keras's lists from the `build` methods in keras/src/optimizers of Keras 3.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

MOMENTUM = "Momentum.accumulator"
AVERAGE = "moving average"
DEBIAS = "zero debias"  # of a moving average in batch normalization
UNKNOWN = "unknown"  # the family of state that has the form of an optimizer's, and no known name
GRADIENT_SUM = "gradient accumulation"
CUDNN_BUFFER = "CuDNN buffer"  # a slot of the one buffer of all weights of a cell

# The last part of a TF1 name. RMSProp_1 and RMSProp_2 depend on each other: see `tf1_slot`.
_TF1_SLOTS = {
    "Adam": "Adam.m",
    "Adam_1": "Adam.v",
    "Momentum": MOMENTUM,
    "RMSProp": "RMSProp.rms",
    "RMSProp_1": "RMSProp.momentum",
    "RMSProp_2": "RMSProp.momentum",
    "Adagrad": "Adagrad.accumulator",
    "AdamW": "Adam.m",
    "AdamW_1": "Adam.v",
    "MomentumW": MOMENTUM,
    "Adadelta": "Adadelta.accum",
    "Adadelta_1": "Adadelta.accum_update",
    "Ftrl": "Ftrl.accumulator",
    "Ftrl_1": "Ftrl.linear",
    "AdaMax": "AdaMax.m",
    "AdaMax_1": "AdaMax.u",
    "ProximalAdagrad": "ProximalAdagrad.accumulator",
    "AdagradDA": "AdagradDA.gradient",
    "AdagradDA_1": "AdagradDA.gradient_squared",
    "adam_m": "Adam.m",  # the optimizer of BERT's public code, and LAMB's
    "adam_v": "Adam.v",
    "lamb_m": "Adam.m",
    "lamb_v": "Adam.v",
    "ExponentialMovingAverage": AVERAGE,
    "biased": DEBIAS,
}
# The last part of a slot's name where Keras of 1.15 trained and a Saver saved.
_KERAS_IN_TF1 = {
    "Adam": {"m": "Adam.m", "v": "Adam.v"},
    "SGD": {"momentum": MOMENTUM},
    "RMSprop": {
        "rms": "RMSProp.rms",
        "momentum": "RMSProp.momentum",
        "mg": "RMSProp.mean_gradient",
    },
    "Adagrad": {"accumulator": "Adagrad.accumulator"},
    "Adadelta": {"accum_grad": "Adadelta.accum", "accum_var": "Adadelta.accum_update"},
    "Adamax": {"m": "AdaMax.m", "v": "AdaMax.u"},
    "Ftrl": {"accumulator": "Ftrl.accumulator", "linear": "Ftrl.linear"},
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
    "Adadelta": {
        "_accumulated_grads": "Adadelta.accum",
        "_accumulated_delta_vars": "Adadelta.accum_update",
    },
    "Ftrl": {"_accumulators": "Ftrl.accumulator", "_linears": "Ftrl.linear"},
    "AdaMax": {"_m": "AdaMax.m", "_u": "AdaMax.u"},
}
# By the names in `slot_variables` of an object graph: optimizers of 1.x, and legacy Keras's.
_REFERENCED_SLOTS = {
    "Adam": {"m": "Adam.m", "v": "Adam.v"},
    "Momentum": {"momentum": MOMENTUM},
    "RMSProp": {
        "rms": "RMSProp.rms",
        "momentum": "RMSProp.momentum",
        "mg": "RMSProp.mean_gradient",
    },
    "Ftrl": {"accumulator": "Ftrl.accumulator", "linear": "Ftrl.linear"},
    "Adagrad": {"accumulator": "Adagrad.accumulator"},
    "Adadelta": {"accum_grad": "Adadelta.accum", "accum_var": "Adadelta.accum_update"},
}
# Slots that are the same where some settings are 0, by the name in TF1.
_SIMILAR = {"ProximalAdagrad.accumulator": "Adagrad.accumulator"}
_KERAS_AVERAGES = "_model_variables_moving_average"  # of any optimizer with use_ema=True
_KERAS_GRADIENTS = "_accumulated_gradients"  # of any with gradient_accumulation_steps

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
    "AdaMax": "AdaMax: TF1's epsilon is 1e-8, Keras's default 1e-7: create Adamax(epsilon=1e-8).",
    "Adadelta": "Adadelta: TF1's epsilon is 1e-8, Keras's default 1e-7: create Adadelta("
    "epsilon=1e-8).",
}
# Of what TF1's side has, told by its names, instead of the note by family.
_BERT = (
    "Adam of BERT's public code: its epsilon is 1e-6, and it does not correct the bias of its "
    "moments. Keras's AdamW does, by 1 - beta ** count: to go on as TF1 did, the port needs an "
    "optimizer that does not."
)
_KERAS_IN_TF1_NOTE = (
    "{family} of Keras in TF1: its epsilon is 1e-7 where the program gives none, as Keras's is now."
)
_KERAS_CELL = (
    "tf.keras.layers.LSTM and GRU of 1.x have recurrent_activation='hard_sigmoid' by default, "
    "clip(0.2 * x + 0.5, 0, 1); now it is 'sigmoid', and Keras 3's hard_sigmoid is another "
    "function: where the TF1 program named none, write a function into the port."
)


def notes_on(
    families: Collection[str], tf1_names: Collection[str], by_keras: bool = False
) -> list[str]:
    """Returns what a port must have right for Keras's optimizers of these families.

    Args:
        families: of the optimizers of Keras.
        tf1_names: all names on TF1's side, which tell whose optimizer it was.
        by_keras: whether the optimizer in TF1 was one of Keras.
    """
    notes = dict(NOTES)
    if by_keras:
        notes = {f: _KERAS_IN_TF1_NOTE.format(family=f) for f in NOTES if f != "Momentum"}
    if any(name.endswith("/adam_m") for name in tf1_names):
        notes["Adam"] = _BERT
    found = [note for family, note in notes.items() if family in families]
    if any(name.endswith("/recurrent_kernel") for name in tf1_names):
        found.append(_KERAS_CELL)
    return found


def tf1_slot(suffix: str, sibling_suffixes: Collection[str]) -> str | None:
    """Returns the slot that a TF1 name's last part stands for, None if it is no slot's.

    Args:
        suffix: such as "Adam_1".
        sibling_suffixes: the last parts of all names that belong to the same variable.
    """
    if suffix == "RMSProp_1" and "RMSProp_2" in sibling_suffixes:
        return "RMSProp.mean_gradient"  # a centered RMSProp creates it before the momentum
    return _TF1_SLOTS.get(suffix)


def are_similar(tf1: str, tf2: str) -> bool:
    """Whether a slot of one name may become one of the other, if a person says so."""
    return tf1.startswith(UNKNOWN) or _SIMILAR.get(tf1) == tf2


def keras_slot_in_tf1(path: str) -> str | None:
    """Returns the slot of a name such as "training/Adam/dense/kernel/m", None if it is none."""
    parts = path.split("/")
    if len(parts) < 4 or parts[0] != "training":
        return None
    return _KERAS_IN_TF1.get(parts[1].partition("_")[0], {}).get(parts[-1])


def keras_family(lists: Mapping[str, int]) -> str | None:
    """Returns which optimizer keeps these lists, None if none of the known does.

    Args:
        lists: number of slots by name of list. An optimizer's own lists are all there; empty ones
            of other names do not count, since releases of Keras keep several that are no slots.
    """
    given = {name for name in lists if name not in (_KERAS_AVERAGES, _KERAS_GRADIENTS)}
    filled = {name for name in given if lists[name]}
    matching = [f for f, slots in _KERAS_SLOTS.items() if filled <= set(slots) <= given]
    if matching:
        return max(matching, key=lambda family: len(_KERAS_SLOTS[family]))
    return None if filled else "SGD"  # some releases track no list where there is no momentum


def keras_slot(family: str, list_name: str) -> str:
    """Returns the slot that a Keras optimizer keeps in a list."""
    if list_name == _KERAS_AVERAGES:
        return AVERAGE
    if list_name == _KERAS_GRADIENTS:
        return GRADIENT_SUM
    return _KERAS_SLOTS.get(family, {}).get(list_name, f"{family}.{list_name.lstrip('_')}")


_KERAS_NAMES = {"Momentum": "SGD with a momentum", "RMSProp": "RMSprop", "AdaMax": "Adamax"}


def keras_keeping(names: Collection[str]) -> str | None:
    """Returns what Keras calls the optimizer that keeps these slots, None if none does."""
    for family, slots in _KERAS_SLOTS.items():
        if names and set(names) <= set(slots.values()):
            return _KERAS_NAMES.get(family, family)
    return None


def referenced_slots(names: Collection[str]) -> tuple[str, Mapping[str, str]]:
    """Returns the family and the slots by name of an optimizer that refers to these slots."""
    if not names:
        return "SGD", {}
    for family, slots in _REFERENCED_SLOTS.items():
        if set(names) <= set(slots) and next(iter(slots)) in names:
            if family == "Ftrl" and "linear" not in names:
                continue
            return family, slots
    return UNKNOWN, {name: f"{UNKNOWN}.{name}" for name in names}
