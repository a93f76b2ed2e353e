"""What `pairs checkpoint inspect` shows of a checkpoint."""

from __future__ import annotations

from typing import Any

from shared.errors import CheckpointError
from shared.tools.checkpoint_conversion import roles
from shared.tools.checkpoint_conversion.adam_steps import updates_from
from shared.tools.checkpoint_conversion.contents import Contents, natural_order

_BETA2 = 0.999  # the default of TF1 and of Keras; no checkpoint holds it


def summary(contents: Contents) -> dict[str, Any]:
    """Returns what is in a checkpoint, as JSON has it.

    Returns:
        path, kind (its scheme), form (of file), optimizers (a list of texts), step (None where
        nothing tells it), bytes, and variables: name, dtype, shape, bytes, part (of a variable
        whose other parts are missing, else None), role (its purpose), slot and slot_of (None for
        what is no slot).
    """
    variables = [
        {
            "name": variable.name,
            "dtype": variable.dtype,
            "shape": list(variable.shape),
            "bytes": variable.bytes(),
            "part": variable.part.text() if variable.part else None,
            "role": variable.role.purpose,
            "slot": variable.role.slot,
            "slot_of": variable.role.slot_of,
        }
        for variable in sorted(contents.variables.values(), key=lambda v: natural_order(v.name))
    ]
    return {
        "path": contents.prefix,
        "kind": contents.scheme,
        "form": contents.source.form,
        "optimizers": [optimizer.label() for optimizer in contents.optimizers],
        "step": step(contents),
        "bytes": sum(variable["bytes"] or 0 for variable in variables),
        "variables": variables,
    }


def step(contents: Contents) -> int | None:
    """Returns how many updates were made: by a step count, else by Adam's beta2_power.

    Where a power of beta is all there is, beta2 is taken to be 0.999.
    """
    for purpose in (roles.STEP, roles.ITERATIONS):
        counts = contents.with_purpose(purpose)
        if counts:
            count = contents.read(counts[0].name)
            if count.shape == () and count.dtype.is_integer:
                return int(count)
    for variable in contents.with_purpose(roles.BETA_POWER):
        if variable.role.beta == 2:
            power = contents.read(variable.name).numpy()
            try:
                return updates_from(_BETA2, power, variable.name)
            except CheckpointError:
                return None  # another beta2, or a power that has underflowed
    return None
