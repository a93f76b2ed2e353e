"""A proposal written as the TOML file that docs/checkpoint-map.md describes."""

from __future__ import annotations

import collections
import os
from collections.abc import Iterator, Sequence

from shared.tools.checkpoint_conversion.contents import Variable
from shared.tools.checkpoint_conversion.conversion_map import (
    KerasAdam,
    quoted,
    toml_list,
    toml_names,
    toml_value,
)
from shared.tools.checkpoint_conversion.layouts import CELLS, Layout, Recurrent, has_forget_bias
from shared.tools.checkpoint_conversion.proposal import Proposal


def map_text(proposal: Proposal) -> str:
    """Returns the text of a map: the sure pairs, the doubtful ones and what has no partner."""
    return "\n".join(_lines(proposal)) + "\n"


def _lines(proposal: Proposal) -> Iterator[str]:
    yield "# Which TF1 variable is which TF2 variable; docs/checkpoint-map.md describes the format."
    yield ""
    yield "[templates]  # a checkpoint of each program: which variables it needs"
    yield f"tf1 = {quoted(os.path.abspath(proposal.tf1.prefix))}"
    yield f"tf2 = {quoted(os.path.abspath(proposal.tf2.prefix))}"
    yield ""
    yield "[variables]"
    for tf1, names in proposal.sure.items():
        yield f"{quoted(tf1)} = {toml_names(names)}"
    yield from _unsure(proposal)
    for adam in proposal.keras_adams:
        yield from _keras_adam(adam)
    for layout in proposal.layouts:
        yield from _layout(layout)
    yield from _ignore(proposal)


def _unsure(proposal: Proposal) -> Iterator[str]:
    if not proposal.doubts:
        return
    by_tf1 = collections.defaultdict(list)
    for doubt in proposal.doubts:
        by_tf1[doubt.tf1].append(doubt)
    yield ""
    yield "[unsure]  # check each, correct it, move it to [variables]: until then nothing converts"
    for tf1, doubts in by_tf1.items():
        names = toml_names([doubt.tf2 for doubt in doubts])
        yield f"{quoted(tf1)} = {names}  # ? {doubts[0].reason}"


def _keras_adam(adam: KerasAdam) -> Iterator[str]:
    yield ""
    yield "[[keras_adam]]  # Keras counts steps where TF1 keeps two powers of beta"
    yield f"iterations = {quoted(adam.iterations)}"
    if adam.steps:
        yield f"steps = {toml_list(adam.steps)}  # other counts of the same updates"
    yield f"beta1_power = {quoted(adam.beta1_power)}"
    yield f"beta2_power = {quoted(adam.beta2_power)}"
    yield f"beta1 = {adam.beta1}  # as in the TF1 program: no checkpoint holds them"
    yield f"beta2 = {adam.beta2}"
    if adam.unsure:
        yield f"unsure = {quoted(adam.unsure)}  # check, then delete this line"


def _layout(layout: Layout) -> Iterator[str]:
    yield ""
    if isinstance(layout, Recurrent):
        yield "[[recurrent]]  # gates, kernels and slots are put in the other style's order"
        yield f"cell = {quoted(layout.cell)}"
    else:
        yield "[[layout]]  # the steps that make TF2's tensors of TF1's"
    yield f"tf1 = {toml_list(layout.tf1)}"
    yield f"tf2 = {toml_list(layout.tf2)}"
    if isinstance(layout, Recurrent):
        if has_forget_bias(layout.cell):
            yield f"forget_bias = {layout.forget_bias}  # as in the TF1 program; no file has it"
        if CELLS[layout.cell].note:
            yield f"# the layer must be made with reset_after={CELLS[layout.cell].note}"
    else:
        yield "steps = ["
        yield from (f"  {toml_value(step.table())}," for step in layout.given)
        yield "]"
    if layout.unsure:
        yield f"unsure = {quoted(layout.unsure)}  # check, then delete this line"


def _ignore(proposal: Proposal) -> Iterator[str]:
    tf1, tf2 = proposal.without_partner()
    yield ""
    yield "# Without a partner. While a line is a comment, a conversion fails and names it;"
    yield "# uncommented, the tensor is left out, or keeps the template's value in the target."
    yield "[ignore]"
    yield from _ignorable("tf1", tf1)
    yield from _ignorable("tf2", tf2)


def _ignorable(style: str, variables: Sequence[Variable]) -> Iterator[str]:
    yield f"{style} = ["
    for variable in variables:
        yield f"  # {quoted(variable.name)},  # {variable.type()}"
    yield "]"
