"""Takes moving averages as the values of their variables, as programs do that predict."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from shared.errors import UsageError
from shared.tools.checkpoint_conversion.contents import Contents, Variable
from shared.tools.checkpoint_conversion.optimizers import AVERAGE
from shared.tools.checkpoint_conversion.shown import shown


def with_averages(contents: Contents, kept: Collection[str] = ()) -> tuple[Contents, list[str]]:
    """Returns a checkpoint in which each variable that has a moving average has its value.

    Args:
        contents: the checkpoint.
        kept: names of averages that stay tensors of their own, too.

    Returns:
        The contents, without the averages but those in `kept`, and the names of the variables
        whose value is an average.

    Raises:
        UsageError: there is no average, or a variable has several.
    """
    averages: dict[str, Variable] = {}
    for variable in contents.variables.values():
        owner = variable.role.slot_of
        if variable.role.slot == AVERAGE and owner:
            if owner in averages:
                raise UsageError(
                    f"--use-averages: expected one moving average of {shown(owner)} in "
                    f"{shown(contents.prefix)}; found {shown(averages[owner].name)} and "
                    f"{shown(variable.name)}"
                )
            averages[owner] = variable
    if not averages:
        raise UsageError(
            f"--use-averages: expected moving averages in {shown(contents.prefix)}; found none"
        )
    dropped = {average.name for average in averages.values()} - set(kept)
    variables = {
        name: dataclasses.replace(variable, key=averages[name].key)
        if name in averages
        else variable
        for name, variable in contents.variables.items()
        if name not in dropped
    }
    return dataclasses.replace(contents, variables=variables), sorted(averages)
