"""The map of a conversion: what is proposed, what it doubts, its file, and files that are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from checkpoint_pairs import fresh
from checkpoint_programs import FILES, TF1Program, TF2Program, map_of, tensors_of, write_names
from large_models import large_are_slow
from shared.errors import UsageError
from shared.models import PAIRS
from shared.tools import toml
from shared.tools.checkpoint_conversion.contents import Variable, describe
from shared.tools.checkpoint_conversion.conversion_map import KerasAdam, load_map
from shared.tools.checkpoint_conversion.map_text import map_text
from shared.tools.checkpoint_conversion.names import ENDING, LEAF, SAME, UNLIKE, agreement
from shared.tools.checkpoint_conversion.object_based import escaped
from shared.tools.checkpoint_conversion.optimizers import AVERAGE
from shared.tools.checkpoint_conversion.pair_maps import parameters_of, settle_cells
from shared.tools.checkpoint_conversion.proposal import Proposal, propose
from shared.tools.commands import main
from tf2_style.tf1_adam import TF1Adam

tf1 = tf.compat.v1
keras = tf.keras.optimizers
F32 = np.float32


def proposal_for(folder: Path, names: dict[str, Any], **objects: Any) -> Proposal:
    """Proposes a map from a TF1 checkpoint of these tensors and a tf.train.Checkpoint."""
    tf2 = tf.train.Checkpoint(**objects).save(str(folder / "tf2"))
    return propose(describe(write_names(folder / "tf1", names)), describe(tf2))


def doubts(proposal: Proposal) -> set[tuple[str, str]]:
    return {(doubt.tf1, doubt.tf2) for doubt in proposal.doubts}


VARIANTS: list[tuple[str, str | None]] = [
    (name, optimizer)
    for name, pair in PAIRS.items()
    for optimizer in dict.fromkeys(variant.optimizer for variant in pair.variants[1:])
]


@pytest.mark.parametrize(("name", "optimizer"), large_are_slow(VARIANTS))
def test_the_map_of_a_pair_has_every_tensor(name: str, optimizer: str | None) -> None:
    conversion_map = map_of(name, optimizer)
    model = fresh("tf2_style", name, optimizer)
    count = len(getattr(model, "variables_of", [""]))  # of optimizers
    tf1, tf2 = describe(conversion_map.tf1), describe(conversion_map.tf2, parameters_of(model))
    for a, b in conversion_map.pairs():
        # The styles use the same names, so a pair that is wrong would have two.
        one, other = tf1.variables[a].role, tf2.variables[b].role
        if one.slot and one.slot != AVERAGE:  # TF2 keeps an average as any other variable
            assert (one.slot, escaped(str(one.slot_of))) == (other.slot, other.slot_of)
        elif "optimizer/" not in b:
            assert escaped(a) == b
    adams = conversion_map.keras_adams
    has_adam = optimizer == "keras" and PAIRS[name].variants[0].label != "momentum"
    assert len(adams) == (count if has_adam else 0)
    computed = {power for adam in adams for power in (adam.beta1_power, adam.beta2_power)}
    assert len(computed) == 2 * len(adams)
    assert set(conversion_map.variables) | computed == set(tf1.variables)


@pytest.mark.parametrize(("path", "settled"), [("rnn/lstm_cell/kernel", 1), ("lstm/kernel", 0)])
def test_a_cell_under_another_name_stays_in_doubt(path: str, settled: int, tmp_path: Path) -> None:
    names, variable = {"rnn/lstm_cell/kernel": np.zeros([4, 8], F32)}, tf.Variable(tf.zeros([4, 8]))
    proposal = proposal_for(tmp_path, names, **{path: variable})
    assert doubts(proposal) == {("rnn/lstm_cell/kernel", escaped(path))} and not proposal.sure
    settle_cells(proposal)
    assert (len(proposal.sure), len(proposal.doubts)) == (settled, 1 - settled)


@pytest.mark.parametrize(
    ("tf1_name", "tf2_name", "expected"),
    [
        ("a/weights", "a/weights", SAME),
        ("a/b", "a.Sb", SAME),
        ("a.b/kernel", "a..b/_kernel", SAME),
        ("dense/kernel", "model/dense/_kernel", ENDING),
        ("scope/dense/kernel", "dense/kernel", ENDING),
        ("dense/weights", "layer/kernel", LEAF),
        ("dense/weights", "dense/biases", UNLIKE),
        ("xweights", "weights", UNLIKE),
    ],
)
def test_how_well_names_agree(tf1_name: str, tf2_name: str, expected: int) -> None:
    one, other = (Variable(name, name, (), "float32") for name in (tf1_name, tf2_name))
    assert agreement(one, other) == expected


def test_equal_names_win_over_equal_endings(tmp_path: Path) -> None:
    proposal = proposal_for(
        tmp_path,
        {"w": F32(1), "a/w": F32(2)},
        w=tf.Variable(0.0),
        a=tf.train.Checkpoint(w=tf.Variable(0.0)),
    )
    assert proposal.sure == {"w": ["w"], "a/w": ["a/w"]}
    assert not proposal.doubts


def test_a_pair_of_the_only_shape_is_sure_when_the_last_names_agree(tmp_path: Path) -> None:
    names = {"fc/weights": np.zeros([3, 2], F32), "fc/x": np.zeros([4], F32)}
    proposal = proposal_for(
        tmp_path,
        names,
        dense=tf.train.Checkpoint(
            kernel=tf.Variable(tf.zeros([3, 2])), y=tf.Variable(tf.zeros([4]))
        ),
    )
    assert proposal.sure == {"fc/weights": ["dense/kernel"]}
    assert doubts(proposal) == {("fc/x", "dense/y")}


def test_equal_shapes_and_other_names_are_doubtful(tmp_path: Path) -> None:
    proposal = proposal_for(
        tmp_path,
        {"p": np.zeros([2], F32), "q": np.zeros([2], F32), "alone": np.zeros([5], F32)},
        u=tf.Variable(tf.zeros([2])),
        v=tf.Variable(tf.zeros([2])),
        lonely=tf.Variable(tf.zeros([6])),
    )
    assert not proposal.sure
    assert len(doubts(proposal)) == 2
    one, other = proposal.without_partner()
    assert [variable.name for variable in one] == ["alone"]
    assert [variable.name for variable in other] == ["lonely"]


def test_equal_names_with_other_types_are_no_pair(tmp_path: Path) -> None:
    names = {"w": np.zeros([2], F32), "b": np.zeros([2], np.int64)}
    objects = {"w": tf.Variable(tf.zeros([3])), "b": tf.Variable(tf.zeros([2]))}
    proposal = proposal_for(tmp_path, names, **objects)
    assert not proposal.sure  # w has another shape, and b is a float32 [2] on one side only


def test_step_counts_pair_across_integer_types(tmp_path: Path) -> None:
    proposal = proposal_for(
        tmp_path, {"global_step": np.int32(1)}, step=tf.Variable(0, dtype=tf.int64)
    )
    assert proposal.sure == {"global_step": ["step"]}


def test_slots_follow_their_variables(tmp_path: Path) -> None:
    optimizer = keras.Adam()
    # Equal shapes and unlike names: the variables are doubtful, so their slots are too.
    one, other = tf.Variable(tf.zeros([2])), tf.Variable(tf.zeros([2]))
    optimizer.build([other, one])
    names = {"sure": F32(0), "p": np.zeros([2], F32), "q": np.zeros([2], F32)}
    for name in ("p", "q"):
        names |= {f"{name}/Adam": np.zeros([2], F32), f"{name}/Adam_1": np.zeros([2], F32)}
    names |= {"beta1_power": F32(0.9), "beta2_power": F32(0.999)}
    proposal = proposal_for(tmp_path, names, u=one, v=other, opt=optimizer, sure=tf.Variable(0.0))
    assert proposal.sure == {"sure": ["sure"]}
    partner = dict(doubts(proposal))
    roles = {name: variable.role for name, variable in proposal.tf2.variables.items()}
    for name in ("p", "q"):
        for suffix, slot in (("Adam", "Adam.m"), ("Adam_1", "Adam.v")):
            role = roles[partner[f"{name}/{suffix}"]]
            assert (role.slot, role.slot_of) == (slot, partner[name])
    assert [adam.iterations for adam in proposal.keras_adams] == ["opt/_iterations"]


def test_slots_of_tf1s_kernel_are_doubtful_unless_the_shape_tells(tmp_path: Path) -> None:
    program = TF1Program(lambda: tf1.train.AdamOptimizer(0.1))
    names = program.save(tmp_path / "tf1")
    proposal = propose(describe(names), describe(TF2Program(TF1Adam(0.1)).save(tmp_path / "tf2")))
    assert not proposal.doubts  # [3, 2] and [2]
    assert proposal.sure["layer/weights/Adam_1"] == ["optimizer/v/0"]
    optimizer = TF1Adam(0.1)
    values = {name: tf.Variable(0.0) for name in ("a", "b")}
    optimizer.build(list(values.values()))
    tensors = {f"{name}{slot}": F32(0) for name in values for slot in ("", "/Adam", "/Adam_1")}
    proposal = proposal_for(tmp_path, tensors, opt=optimizer, **values)
    assert doubts(proposal) == {
        ("a/Adam", "opt/m/0"),
        ("a/Adam_1", "opt/v/0"),
        ("b/Adam", "opt/m/1"),
        ("b/Adam_1", "opt/v/1"),
    }


def test_two_adams_and_one_pair_of_powers_are_left_to_the_user(tmp_path: Path) -> None:
    optimizers = {name: keras.Adam() for name in ("first", "second")}
    for optimizer in optimizers.values():
        optimizer.build([])
    names = {"beta1_power": F32(0.9), "beta2_power": F32(0.999), "global_step": np.int64(0)}
    proposal = proposal_for(tmp_path, names, **optimizers)
    assert not proposal.keras_adams
    assert doubts(proposal) == {
        ("global_step", "first/_iterations"),
        ("global_step", "second/_iterations"),
    }
    assert {v.name for v in proposal.without_partner()[0]} == {"beta1_power", "beta2_power"}


def test_averages_pair_with_tf2s_own_and_doubtfully_with_others(tmp_path: Path) -> None:
    names = {"w": F32(1), "w/ExponentialMovingAverage": F32(2)}
    w = tf.Variable(0.0, name="w")
    average = tf.train.ExponentialMovingAverage(0.9)
    average.apply([w])
    proposal = proposal_for(tmp_path, names, w=w, shadow=average.average(w))
    assert proposal.sure["w/ExponentialMovingAverage"] == ["shadow"]
    proposal = proposal_for(tmp_path, names, w=w, shadow=tf.Variable(0.0))
    assert doubts(proposal) == {("w/ExponentialMovingAverage", "shadow")}


def test_variables_of_a_keras_model_are_found_by_the_models_names(tmp_path: Path) -> None:
    model = tf.keras.Sequential([tf.keras.Input([3]), tf.keras.layers.Dense(2, name="fc")])
    optimizer = keras.Adam()
    optimizer.build(model.trainable_variables)
    names = {"fc/kernel": np.zeros([3, 2], F32), "fc/bias": np.zeros([2], F32)}
    proposal = proposal_for(tmp_path, names, model=model, optimizer=optimizer)
    # Their keys only say where the optimizer lists them; the map has the path in the model.
    assert proposal.sure == {
        "fc/kernel": ["model/_functional/_operations/1/_kernel"],
        "fc/bias": ["model/_functional/_operations/1/bias"],
    }


@pytest.fixture
def checkpoints(tmp_path: Path) -> tuple[str, str]:
    program = TF1Program(lambda: tf1.train.AdamOptimizer(0.1))
    return program.save(tmp_path / "tf1"), TF2Program(keras.Adam()).save(tmp_path / "tf2")


def test_the_command_prints_a_map_that_convert_takes(
    checkpoints: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["checkpoint", "map", *checkpoints]) == 0
    output = capsys.readouterr()
    assert output.err == "8 pairs, 0 unsure, 0 tensors without a partner\n"
    file = tmp_path / "map.toml"
    file.write_text(output.out, encoding="utf-8")
    one, other = map(describe, checkpoints)
    proposal = propose(one, other)
    loaded = load_map(file)
    assert (loaded.tf1, loaded.tf2) == checkpoints
    assert loaded.variables == proposal.sure
    assert list(loaded.keras_adams) == proposal.keras_adams
    convert = ["checkpoint", "convert", checkpoints[0], str(tmp_path / "to")]
    assert main([*convert, "--to", "tf2", "--map", str(file)]) == 0
    assert tensors_of(str(tmp_path / "to")).keys() == tensors_of(checkpoints[1]).keys()


def test_the_command_wants_one_checkpoint_of_each_scheme(
    checkpoints: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["checkpoint", "map", *reversed(checkpoints)]) == 2
    assert "expected a checkpoint that is name-based; found object-based" in capsys.readouterr().err


def test_a_map_shows_doubts_and_what_is_alone(tmp_path: Path) -> None:
    names = {'quo"ted': np.zeros([2], F32), "alone": np.zeros([3], F32)}
    proposal = proposal_for(tmp_path, names, u=tf.Variable(tf.zeros([2])))
    text = map_text(proposal)
    tables = toml.loads(text)
    assert tables["unsure"] == {'quo"ted': "u"}
    assert tables["ignore"] == {"tf1": [], "tf2": []}
    assert '  # "alone",  # float32 [3]' in text.splitlines()
    file = tmp_path / "map.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"map.toml: \[unsure\]: expected no open question"):
        load_map(file)
    # Moved to [variables], and the other's comment taken away: no question is left.
    settled = text.replace("[unsure]", "").replace('  # "alone"', '  "alone"')
    file.write_text(settled, encoding="utf-8")
    assert load_map(file).variables == {'quo"ted': ["u"]}
    assert load_map(file).ignore == ["alone"]


GOOD = '[templates]\ntf1 = "a"\ntf2 = "/b"\n[variables]\n'


def test_paths_start_at_the_map_and_keys_may_be_whole(tmp_path: Path) -> None:
    file = tmp_path / "map.toml"
    file.write_text(GOOD + 'w = ["x/.ATTRIBUTES/VARIABLE_VALUE", "y"]', encoding="utf-8")
    loaded = load_map(file)
    assert (loaded.tf1, loaded.tf2) == (str(tmp_path / "a"), "/b")
    assert list(loaded.pairs()) == [("w", "x"), ("w", "y")]


def test_the_documented_example_is_a_map(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "checkpoint-map.md").read_text(encoding="utf-8")
    file = tmp_path / "map.toml"
    section = page.partition("\n## The file\n")[2]
    file.write_text(section.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    loaded = load_map(file)
    assert loaded.variables["global_step"] == ["global_step", "optimizer/_iterations"]
    assert loaded.keras_adams == [KerasAdam("optimizer/_iterations")]  # the documented defaults
    assert loaded.ignore == ["old/*"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[templates", "expected a map in TOML"),
        ("", r"\[templates\] tf1: expected a text; found None"),
        ('[templates]\ntf1 = "a"', r"\[templates\] tf2: expected a text"),
        (GOOD + "w = 1", r"\[variables\] w: expected a TF2 name or a list of them; found 1"),
        (GOOD + "w = []", r"\[variables\] w: expected a TF2 name"),
        (GOOD + 'w = "x"\nv = "x"', r"v: expected every TF2 name once \('w' has it too\)"),
        (GOOD + "[other]", r"expected only templates, variables, .*; found 'other'"),
        (GOOD + "[keras_adam]", r"\[\[keras_adam\]\]: expected double brackets"),
        (GOOD + "[[keras_adam]]", r"\[\[keras_adam\]\] iterations: expected a name"),
        (GOOD + '[[keras_adam]]\niterations = "i"\nbeta1 = 1.5', "beta1: expected a number"),
        (GOOD + '[[keras_adam]]\niterations = "i"\nbeta = 0.9', "expected only .*; found 'beta'"),
        (GOOD + '[ignore]\ntf1 = "w"', r"\[ignore\] tf1: expected a list of names"),
        (GOOD + "[ignore]\nboth = []", r"\[ignore\]: expected only tf1, tf2; found 'both'"),
    ],
)
def test_a_map_that_is_wrong(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "map.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message) as error:
        load_map(file)
    assert str(error.value).startswith(str(file))
    assert "\n" not in str(error.value)


def test_a_map_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.toml: expected a map in TOML; found"):
        load_map(tmp_path / "none.toml")


def test_the_map_of_a_real_checkpoint_of_1_15(tmp_path: Path) -> None:
    # Everything that the TF2 program lacks stands alone; nothing is guessed for it.
    weights = tf.train.Checkpoint(weights=tf.Variable(tf.zeros([4, 3])))
    tf2 = tf.train.Checkpoint(encoder=weights).save(str(tmp_path / "tf2"))
    proposal = propose(describe(FILES / "tf115" / "model-900"), describe(tf2))
    # The file does not say whether a partitioned table's rows are dealt out or in order.
    (layout,) = proposal.layouts
    assert layout.tf1 == layout.tf2 == ("encoder/weights",)
    assert layout.unsure.startswith("partitioned: rows are dealt out in turn where")
    assert not proposal.sure and not proposal.doubts
    assert len(proposal.without_partner()[0]) == 15
