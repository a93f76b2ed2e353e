"""Names made to mislead: what a proposal calls sure is never another variable's.

A port is a list of layers of one shape, so that only names tell them apart. TensorFlow 1's names
are made of it in ways that programs have, and in ways that lead astray; which is which is known.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from checkpoint_programs import write_names
from shared.tools.checkpoint_conversion import proposal as proposing
from shared.tools.checkpoint_conversion.contents import (
    NAME_BASED,
    OBJECT_BASED,
    Contents,
    Variable,
    describe,
)
from shared.tools.checkpoint_conversion.proposal import Proposal, propose

tf1 = tf.compat.v1
PARTS = {"kernel": ("kernel", "weights", "W"), "bias": ("bias", "biases", "b")}
WORDS = ("encoder", "decoder", "head", "gate", "query", "mixer")
SHAPE = (4, 4)  # of all, so that no shape helps


def contents_of(scheme: str, names: Mapping[str, tuple[str, ...]]) -> Contents:
    variables = {n: Variable(n, n, SHAPE, "float32", aliases=a) for n, a in sorted(names.items())}
    source: Any = SimpleNamespace()
    return Contents("nowhere", scheme, variables, [], source)


def model(rng: random.Random, kind: str) -> tuple[Contents, Contents, dict[str, str]]:
    """Returns both sides of a model, and the TF2 name of each TF1 name."""
    words, layers = rng.sample(WORDS, 2), range(rng.randint(2, 4))
    numbers = rng.sample(range(20), len(words) * len(layers))
    offset = rng.choice((0, 1))
    prefix = rng.choice(("", "net/", "model/tower/"))
    leaves = {part: rng.choice(ways) for part, ways in PARTS.items()}
    truth: dict[str, str] = {}
    tf2: dict[str, tuple[str, ...]] = {}
    for place, (word, k) in enumerate((word, k) for word in words for k in layers):
        automatic = f"dense_{numbers[place]}"
        scope = {
            "like the port": f"{word}/layer_{k}",
            "joined": f"{word}_layer_{k}",
            "counted from 0 or 1": f"{word}/layer_{k + offset}",
            "from last to first, from 1 on": f"{word}/layer_{len(layers) - k + offset}",
            "automatic": f"{word}/dense{f'_{place}' if place else ''}",
            "automatic, in another order": f"dense_{rng.randint(0, 9)}{place}",
        }[kind]
        for part, leaf in leaves.items():
            name = f"{word}/layer/{k}/{part}"
            truth[f"{prefix}{scope}/{leaf}"] = name
            tf2[name] = (f"{automatic}/{part}",)
    one = contents_of(NAME_BASED, dict.fromkeys(truth, ()))
    return one, contents_of(OBJECT_BASED, tf2), truth


KINDS = [
    "like the port",
    "joined",
    "counted from 0 or 1",
    "from last to first, from 1 on",
    "automatic",
    "automatic, in another order",
]


def wrong(found: Proposal, truth: dict[str, str]) -> list[tuple[str, list[str]]]:
    return [(name, names) for name, names in found.sure.items() if names != [truth[name]]]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_sure_and_wrong(kind: str) -> None:
    sure = total = 0
    for seed in range(40):
        one, other, truth = model(random.Random(seed), kind)
        found = propose(one, other)
        assert wrong(found, truth) == [], (seed, kind)
        sure, total = sure + len(found.sure), total + len(truth)
    if kind == "like the port":
        assert sure == total  # there is something to be wrong about


def test_this_catches_a_rule_that_takes_equal_numbers_for_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proposing, "are_numbered_alike", lambda *_: True)
    mistakes = 0
    for seed in range(40):
        one, other, truth = model(random.Random(seed), "counted from 0 or 1")
        one = contents_of(NAME_BASED, {n.replace("layer_", "layer/"): () for n in truth})
        truth = {name.replace("layer_", "layer/"): value for name, value in truth.items()}
        mistakes += len(wrong(propose(one, other), truth))
    assert mistakes > 0


def test_exchanged_scopes_and_attributes_are_not_sure() -> None:
    one = contents_of(NAME_BASED, dict.fromkeys(("a/fc/kernel", "b/out/kernel"), ()))
    other = contents_of(OBJECT_BASED, {"b/fc/kernel": (), "a/out/kernel": ()})
    assert propose(one, other).sure == {}


def test_what_is_left_on_both_sides_under_another_name_is_not_sure() -> None:
    words = {f"encoder/{word}/kernel": () for word in ("query", "key")}
    one = contents_of(NAME_BASED, words | {"encoder/old/kernel": ()})
    other = contents_of(OBJECT_BASED, words | {"encoder/new/kernel": ()})
    assert set(propose(one, other).sure) == set(words)


def test_a_state_of_another_meaning_is_not_sure() -> None:
    names = ("norm/moving_mean", "norm/renorm", "fc/bias")
    one = contents_of(NAME_BASED, dict.fromkeys(names, ()))
    other = contents_of(OBJECT_BASED, {"norm/gamma": (), "norm/scale": (), "fc/beta": ()})
    assert propose(one, other).sure == {}


# ---- Two Adams ----------------------------------------------------------------------------------


def two_networks(folder: Path, first: str, graph: bool) -> Proposal:
    """Two networks with an Adam each; `first` is trained first, and so has the first powers."""
    with tf.Graph().as_default(), tf1.Session() as session:
        loss, updates = tf.constant(0.0), []
        for name in ("discriminator", "generator"):
            with tf1.variable_scope(name):
                variable = tf1.get_variable(
                    "w", initializer=np.ones(SHAPE, "f"), use_resource=False
                )
            loss += tf.reduce_sum(variable**2)
        for name in sorted(("discriminator", "generator"), key=lambda name: name != first):
            adam = tf1.train.AdamOptimizer(0.1)
            updates.append(adam.minimize(loss, var_list=tf1.trainable_variables(name)))
        session.run(tf1.global_variables_initializer())
        session.run(updates[0])
        session.run(updates)
        saver = tf1.train.Saver()
        one = saver.save(session, str(folder / first), write_meta_graph=graph)
    objects: dict[str, Any] = {}
    for name in ("generator", "discriminator"):
        objects[name] = tf.Module()
        objects[name].w = tf.Variable(np.ones(SHAPE, "f"))
        objects[f"{name}_optimizer"] = tf.keras.optimizers.Adam(0.1)
        objects[f"{name}_optimizer"].build([objects[name].w])
    other = tf.train.Checkpoint(**objects).save(str(folder / "tf2"))
    return propose(describe(one), describe(other))


@pytest.mark.parametrize("first", ["discriminator", "generator"])
def test_the_graph_says_which_powers_are_whose(first: str, tmp_path: Path) -> None:
    found = two_networks(tmp_path, first, graph=True)
    assert not found.doubts
    for adam in found.keras_adams:
        own = adam.iterations.startswith(first)
        assert (adam.beta1_power, adam.beta2_power) == (
            ("beta1_power", "beta2_power") if own else ("beta1_power_1", "beta2_power_1")
        )
        assert not adam.unsure


def test_without_the_graph_the_powers_of_two_adams_are_unsure(tmp_path: Path) -> None:
    found = two_networks(tmp_path, "generator", graph=False)
    assert [bool(adam.unsure) for adam in found.keras_adams] == [True, True]


def test_the_slots_of_two_adams_over_one_variable_are_unsure(tmp_path: Path) -> None:
    slots = {f"w/Adam{end}": np.zeros(SHAPE, "f") for end in ("", "_1", "_2", "_3")}
    one = write_names(tmp_path / "tf1", {"w": np.ones(SHAPE, "f"), **slots})
    w = tf.Variable(np.ones(SHAPE, "f"))
    adams = {f"adam{k}": tf.keras.optimizers.Adam() for k in range(2)}
    for adam in adams.values():
        adam.build([w])
    other = tf.train.Checkpoint(w=w, **adams).save(str(tmp_path / "tf2"))
    found = propose(describe(one), describe(other))
    assert not set(found.sure) & set(slots)
    assert {doubt.tf1 for doubt in found.doubts} == set(slots)
