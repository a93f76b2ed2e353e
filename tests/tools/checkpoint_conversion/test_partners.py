"""What tells partners beyond equal names: parts of names, what stands beside them, hash tables."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from shared.tools.checkpoint_conversion import roles
from shared.tools.checkpoint_conversion.contents import (
    NAME_BASED,
    OBJECT_BASED,
    Contents,
    Variable,
)
from shared.tools.checkpoint_conversion.name_based import classify
from shared.tools.checkpoint_conversion.proposal import propose

Shapes = Mapping[str, tuple[int, ...]]


def contents(scheme: str, shapes: Shapes, aliases: Mapping[str, str] | None = None) -> Contents:
    found, _ = classify({n: (s, "float32") for n, s in shapes.items()})
    found = found if scheme == NAME_BASED else {}
    variables = {
        name: Variable(
            name,
            name,
            shape,
            "float32",
            found.get(name, roles.PLAIN),
            (aliases[name],) if aliases and name in aliases else (),
        )
        for name, shape in sorted(shapes.items())
    }
    source: Any = SimpleNamespace(read=lambda name: np.float32(0))
    return Contents("nowhere", scheme, variables, [], source)


def sure(tf1: Shapes, tf2: Shapes, aliases: Mapping[str, str] | None = None) -> dict[str, str]:
    found = propose(contents(NAME_BASED, tf1), contents(OBJECT_BASED, tf2, aliases))
    return {name: names[0] for name, names in found.sure.items()}


def test_a_bias_follows_the_kernel_of_its_layer() -> None:
    tf1: dict[str, tuple[int, ...]] = {}
    tf2: dict[str, tuple[int, ...]] = {}
    for k in (2, 3):
        tf1 |= {f"conv-{k}/W": (k, 4, 1, 3), f"conv-{k}/b": (3,)}
        tf2 |= {f"all/{k - 2}/_kernel": (k, 4, 1, 3), f"all/{k - 2}/bias": (3,)}
    assert sure(tf1, tf2) == {
        "conv-2/W": "all/0/_kernel",
        "conv-3/W": "all/1/_kernel",
        "conv-2/b": "all/0/bias",
        "conv-3/b": "all/1/bias",
    }


def test_a_bias_follows_nothing_where_a_name_is_that_of_several_layers() -> None:
    # Keras names the variables of all layers of a subclassed model after the model.
    tf1 = {"a/W": (2, 4), "a/b": (4,), "c/W": (3, 4), "c/b": (4,)}
    tf2 = {"x/_kernel": (2, 4), "y/_kernel": (3, 4), "x/w1": (4,), "y/w2": (4,)}
    aliases = {"x/_kernel": "m/kernel", "y/_kernel": "m/kernel", "x/w1": "m/bias", "y/w2": "m/b"}
    assert not {"a/b", "c/b"} & set(sure(tf1, tf2, aliases))


def test_scopes_are_joined_in_the_names_of_keras_layers() -> None:
    names = ["down1/conv1", "down1/conv2", "up1/conv1"]
    tf1 = {f"net/{name}/kernel": (3, 3) for name in names}
    tf2 = {f"model/_operations/{k}/_kernel": (3, 3) for k in range(3)}
    aliases = {
        f"model/_operations/{k}/_kernel": f"{name.replace('/', '_')}/kernel"
        for k, name in enumerate(names)
    }
    assert sure(tf1, tf2, aliases) == dict(zip(tf1, tf2, strict=True))


def test_a_kernel_of_its_own_name_is_that_layers_kernel() -> None:
    tf1 = {f"layer{k}/{name}": (2, 4) for k in range(2) for name in ("filter", "gate")}
    tf2 = {f"layer/{k}/{name}/_kernel": (2, 4) for k in range(2) for name in ("filter", "gate")}
    assert sure(tf1, tf2) == dict(zip(tf1, tf2, strict=True))


def test_hash_tables_are_paired_by_their_only_table_or_their_names() -> None:
    table = ".ATTRIBUTES/table-"
    one = {"net/words-keys": (9,), "net/words-values": (9,)}
    other = {f"vocabulary/{table}keys": (0,), f"vocabulary/{table}values": (0,)}
    assert sure(one, other) == dict(zip(one, other, strict=True))
    one |= {"net/tags-keys": (5,), "net/tags-values": (5,)}
    other = {f"{n}/{table}{part}": (0,) for n in ("tags", "words") for part in ("keys", "values")}
    assert sure(one, other) == {
        f"net/{n}-{part}": f"{n}/{table}{part}"
        for n in ("tags", "words")
        for part in ("keys", "values")
    }


def test_the_settings_of_keras_in_1_x_need_no_partner() -> None:
    shapes: Shapes = {"w": (2,), "training/Adam/beta_1": (), "training/Adam/decay": ()}
    one, other = contents(NAME_BASED, shapes), contents(OBJECT_BASED, {"w": (2,)})
    assert one.variables["training/Adam/decay"].role.purpose == roles.SETTING
    assert propose(one, other).without_partner() == ([], [])
