"""What Adam keeps beside the parameters, the TensorFlow 2 way: slots that are known by position.

Twin:  tf1_style/slots.py
"""

from __future__ import annotations


def of_adam(optimizer, parameters, scope=""):
    """Returns slots by name: `m` and `v` of each parameter by name, powers of beta in `scope`."""
    names = [name + "/" + slot for name in parameters for slot in ("m", "v")]
    # Both optimizers list two numbers first, then their slots in the order given to `build`.
    slots = dict(zip(names, optimizer.variables[2:]))
    if hasattr(optimizer, "powers"):  # Keras computes the powers from its step count
        for power, variable in optimizer.powers().items():
            slots[scope + power] = variable
    return slots
