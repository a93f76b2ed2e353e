"""What Adam keeps beside the parameters, the TensorFlow 2 way: slots that are listed in order.

Twin:  tf1_style/slots.py
"""

from __future__ import annotations


def of_adam(optimizer, parameters, scope=""):
    """Returns slot variables by name: NAME/m, NAME/v and, of a TF1Adam, powers of beta.

    Args:
        optimizer: a TF1Adam or an Adam of Keras that was built for `parameters`.
        parameters: variables by name, in the order given to `build`; a slot has the shape and the
            dtype of its variable.
        scope: put before the names of the powers, two scalars, where a model has several Adams.
    """
    powers = {}
    if hasattr(optimizer, "powers"):  # TF1Adam; Keras computes the powers from its step count
        m, v, powers = optimizer.m, optimizer.v, optimizer.powers()
    else:
        # The end of its path says what a variable is; whose it is, only the order in the list says:
        # the slots of variables without a name have equal paths.
        m = [each for each in optimizer.variables if each.path.endswith("_momentum")]
        v = [each for each in optimizer.variables if each.path.endswith("_velocity")]
    slots = {}
    for name, m_of_it, v_of_it in zip(parameters, m, v):
        slots.update({name + "/m": m_of_it, name + "/v": v_of_it})
    slots.update({scope + power: variable for power, variable in powers.items()})
    return slots
