"""Maps of the suite's own pairs, read off freshly made models of both styles."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from shared.checkpoints.errors import checkpoint_errors
from shared.errors import UsageError
from shared.models import Pair
from shared.tools.checkpoint_conversion import roles
from shared.tools.checkpoint_conversion.contents import Contents, describe
from shared.tools.checkpoint_conversion.conversion_map import CrossingMap, KerasAdam
from shared.tools.checkpoint_conversion.object_based import BuiltWith, escaped
from shared.tools.checkpoint_conversion.proposal import Proposal, propose


def pair_map(pair: Pair, optimizer: str | None, folder: str) -> CrossingMap:
    """Saves a fresh model of each style and pairs what they saved.

    Args:
        pair: which model.
        optimizer: the TF2 file's `--optimizer`, None for its default or where it has none.
        folder: where the two are saved; the map refers to them, so it must outlive the map.

    Raises:
        UsageError: the model has no such optimizer.
        CheckpointError: `folder` cannot be written, as on a full disk.
    """
    if optimizer and optimizer not in optimizers_of(pair):
        expected = ", ".join(optimizers_of(pair)) or "none"
        raise UsageError(
            f"--optimizer: expected one that {pair.name} has ({expected}); found {optimizer!r}"
        )
    tf1_model, tf2_model = pair.create("tf1_style"), pair.create("tf2_style", optimizer)
    models = {"tf1": tf1_model, "tf2": tf2_model}
    with checkpoint_errors(f"{folder}, a temporary folder", "written"):
        saved = [m.save(os.path.join(folder, name)) for name, m in models.items()]
    proposal = propose(describe(saved[0]), describe(saved[1], parameters_of(tf2_model)))
    _settle_optimizers(proposal, tf1_model)
    settle_cells(proposal)
    left = [*proposal.doubts, *proposal.without_partner()[0], *proposal.without_partner()[1]]
    if left:
        raise AssertionError(f"{pair.name}: the styles differ in what they save: {left}")
    return dataclasses.replace(proposal.map(), origin=f"--model {pair.name}")


def parameters_of(tf2_model: Any) -> BuiltWith:
    """Returns the names of the variables that a model's optimizer was built with, in that order.

    Where a model has `variables_of` several networks, each has an optimizer of its own: names by
    the optimizers' paths.
    """
    names = {
        f"{network}_optimizer": [escaped(name) for name in parameters]
        for network, parameters in getattr(tf2_model, "variables_of", {}).items()
    }
    return names or [escaped(name) for name in tf2_model.parameters]


def settle_cells(proposal: Proposal) -> None:
    """Makes doubts sure where both styles use one name, for a variable or for a slot of it.

    A name alone does not tell whose order of gates a recurrent cell has. The suite's twins give a
    variable the same name only where it holds the same numbers.
    """
    for doubt in list(proposal.doubts):
        one = proposal.tf1.variables[doubt.tf1].role
        other = proposal.tf2.variables[doubt.tf2].role
        names = (one.slot_of, other.slot_of) if one.slot else (doubt.tf1, doubt.tf2)
        if one.slot == other.slot and escaped(str(names[0])) == names[1]:
            proposal.doubts.remove(doubt)
            proposal.sure.setdefault(doubt.tf1, []).append(doubt.tf2)


def _settle_optimizers(proposal: Proposal, tf1_model: Any) -> None:
    """Says whose the powers of beta are where a model has several optimizers, as it knows itself.

    TF1 calls them beta1_power, beta1_power_1 and so on, in the order of creation.
    """
    slots = tf1_model.slot_variables() if hasattr(tf1_model, "variables_of") else {}
    for network in getattr(tf1_model, "variables_of", ()):
        powers = [slots[f"{network}/beta{beta}_power"].op.name for beta in (1, 2)]
        path = f"{network}_optimizer"
        count = f"{path}/_iterations"
        proposal.doubts = [d for d in proposal.doubts if d.tf1 not in powers and d.tf2 != count]
        if count in proposal.tf2.variables:
            # Before the first update, a power is the number itself.
            betas = [float(str(proposal.tf1.read(power).numpy())) for power in powers]
            proposal.keras_adams.append(KerasAdam(count, *powers, *betas))
            proposal.sure["global_step"].append(count)  # each makes one update a step
        else:
            for beta, power in enumerate(powers, start=1):
                proposal.sure[power] = [f"{path}/beta{beta}_power"]


def optimizers_of(pair: Pair) -> list[str]:
    """Returns the values that `--optimizer` of the pair's TF2 file takes."""
    return [variant.optimizer for variant in pair.variants if variant.optimizer]


def optimizer_in(pair: Pair, contents: Contents) -> str | None:
    """Returns which `--optimizer` a checkpoint of the pair's TF2 file was trained with."""
    if not optimizers_of(pair):
        return None
    kernel = any(optimizer.style == roles.TF1_KERNEL for optimizer in contents.optimizers)
    return "tf1" if kernel else "keras"
