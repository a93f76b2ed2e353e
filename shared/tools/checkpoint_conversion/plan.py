"""The plan of a conversion: where the value of every tensor of the target comes from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shared.tools.checkpoint_conversion.contents import Contents, Variable


@dataclasses.dataclass(frozen=True)
class Write:
    """One tensor of the target.

    Attributes:
        target: what to write; its key, shape and dtype are the template's.
        sources: names of the tensors that its value comes from.
        how: in words.
        value: reads or computes the value, an eager tensor.
    """

    target: Variable
    sources: tuple[str, ...]
    how: str
    value: Callable[[], Any]


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything a conversion will do.

    Attributes:
        source: what is read.
        template: what the target is like.
        writes: the tensors of the target, sorted by name.
        left_out: why a source tensor is not written, by name.
        notes: settings that no checkpoint holds and that the program must have right.
    """

    source: Contents
    template: Contents
    writes: Sequence[Write]
    left_out: Mapping[str, str]
    notes: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Options:
    """What the user decides.

    Attributes:
        learning_rate: rate with which the target goes on.
        ignore: patterns of names, as in a shell, that need no partner.
        step: how many updates Adam has made, where nothing in the source tells it any more.
    """

    learning_rate: float | None = None
    ignore: Sequence[str] = ()
    step: int | None = None
