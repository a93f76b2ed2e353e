"""Maps of the suite's own pairs, read off freshly made models of both styles."""

from __future__ import annotations

import dataclasses
import os

from shared.errors import UsageError
from shared.models import Pair
from shared.tools.checkpoint_conversion import roles
from shared.tools.checkpoint_conversion.contents import Contents, describe
from shared.tools.checkpoint_conversion.conversion_map import CrossingMap
from shared.tools.checkpoint_conversion.proposal import propose


def pair_map(pair: Pair, optimizer: str | None, folder: str) -> CrossingMap:
    """Saves a fresh model of each style and pairs what they saved.

    Args:
        pair: which model.
        optimizer: the TF2 file's `--optimizer`, None for its default or where it has none.
        folder: where the two are saved; the map refers to them, so it must outlive the map.

    Raises:
        UsageError: the model has no such optimizer.
    """
    if optimizer and optimizer not in optimizers_of(pair):
        expected = ", ".join(optimizers_of(pair)) or "none"
        raise UsageError(
            f"--optimizer: expected one that {pair.name} has ({expected}); found {optimizer!r}"
        )
    tf1_model, tf2_model = pair.create("tf1_style"), pair.create("tf2_style", optimizer)
    parameters = list(tf2_model.parameters)  # in the order in which the optimizer was built
    proposal = propose(
        describe(tf1_model.save(os.path.join(folder, "tf1"))),
        describe(tf2_model.save(os.path.join(folder, "tf2")), parameters),
    )
    left = [*proposal.doubts, *proposal.without_partner()[0], *proposal.without_partner()[1]]
    assert not left, f"{pair.name}: the styles differ in what they save: {left}"
    return dataclasses.replace(proposal.map(), origin=f"--model {pair.name}")


def optimizers_of(pair: Pair) -> list[str]:
    """Returns the values that `--optimizer` of the pair's TF2 file takes."""
    return [variant.optimizer for variant in pair.variants if variant.optimizer]


def optimizer_in(pair: Pair, contents: Contents) -> str | None:
    """Returns which `--optimizer` a checkpoint of the pair's TF2 file was trained with."""
    if not optimizers_of(pair):
        return None
    kernel = any(optimizer.style == roles.TF1_KERNEL for optimizer in contents.optimizers)
    return "tf1" if kernel else "keras"
