"""What Adam keeps beside the parameters, the TensorFlow 1 way: slots that are asked for by name.

Twin:  tf2_style/slots.py
"""

from __future__ import annotations


def of_adam(optimizer, parameters, scope=""):
    """Returns slot variables by name: NAME/m and NAME/v, and the powers of beta after `scope`.

    Args:
        optimizer: an AdamOptimizer that has applied gradients to `parameters`.
        parameters: variables by name; a slot has the shape and the dtype of its variable.
        scope: put before the names of the powers, two scalars, where a model has several Adams.
    """
    slots = {}
    for name, parameter in parameters.items():
        for slot in ("m", "v"):
            slots[name + "/" + slot] = optimizer.get_slot(parameter, slot)
    graph = next(iter(parameters.values())).graph
    with graph.as_default():  # `variables` looks in the default graph only
        variables = optimizer.variables()
    # Those of a second Adam are called beta1_power_1 and beta2_power_1.
    for power in ("beta1_power", "beta2_power"):
        slots[scope + power] = next(v for v in variables if v.op.name.startswith(power))
    return slots
