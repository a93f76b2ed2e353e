"""What Adam keeps beside the parameters, the TensorFlow 2 way: slots that are known by position.

Twin:  tf1_style/slots.py
"""

from __future__ import annotations


def of_adam(optimizer, parameters, scope=""):
    """Returns slot variables by name: NAME/m and NAME/v, and the powers of beta after `scope`."""
    names = [name + "/" + slot for name in parameters for slot in ("m", "v")]
    # Keras's Adam lists its step count and learning rate first, TF1Adam two powers; then both list
    # m and v of each parameter, in the order given to `build`.
    slots = dict(zip(names, optimizer.variables[2:]))
    if hasattr(optimizer, "powers"):  # TF1Adam; Keras computes the powers from its step count
        for power, variable in optimizer.powers().items():
            slots[scope + power] = variable
    return slots
