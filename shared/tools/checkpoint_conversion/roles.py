"""What a tensor of a checkpoint is for."""

from __future__ import annotations

import dataclasses

VARIABLE = "variable"
SLOT = "slot"
STEP = "step"  # how many updates the program has made
ITERATIONS = "iterations"  # how many updates a Keras optimizer has made
BETA_POWER = "beta power"  # TF1 Adam's beta to the power of (updates + 1)
LEARNING_RATE = "learning rate"  # Keras keeps it, TF1 programs hold it in their code
SETTING = "setting"  # a hyperparameter that Keras of 1.x kept in a variable
SAVE_COUNTER = "save counter"  # how many files a tf.train.Checkpoint has saved
UNUSED = "unused"  # a tensor that no program needs to go on

KERAS = "Keras"
TF1 = "TF1"
TF1_KERNEL = "TF1's kernel"  # tf2_style/tf1_adam.py and tf1_momentum.py


@dataclasses.dataclass(frozen=True)
class Role:
    """What a tensor is for.

    Attributes:
        purpose: one of the constants above.
        slot: which slot, such as "Adam.m".
        slot_of: name of the variable that it is a slot of, None where the file does not say.
        optimizer: path of the TF2 optimizer that keeps it.
        beta: 1 or 2, of a power of beta.
        as_in_tf1: whether an object-based slot holds what TF1's kernel keeps, not what Keras does.
        as_in_keras: whether a slot of TF1's side holds what Keras keeps, not what TF1 does.
    """

    purpose: str
    slot: str | None = None
    slot_of: str | None = None
    optimizer: str | None = None
    beta: int | None = None
    as_in_tf1: bool = False
    as_in_keras: bool = False


PLAIN = Role(VARIABLE)


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """An optimizer that left something in a checkpoint.

    Attributes:
        family: "Adam", "Momentum", "RMSProp", "Adagrad", "SGD" or a name that TF2 gave it.
        style: KERAS, TF1 or TF1_KERNEL.
        path: where it is in a TF2 program, such as "optimizer"; empty for TF1.
    """

    family: str
    style: str
    path: str = ""

    def label(self) -> str:
        """Returns how people call it."""
        if self.family.startswith("unknown"):
            what = self.family.partition(".")[2]
            return "state of an unknown optimizer" + (f" ({what})" if what else "")
        return f"{self.style} {self.family}" + (f" at {self.path}" if self.path else "")
