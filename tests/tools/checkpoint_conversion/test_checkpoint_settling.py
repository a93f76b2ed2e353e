"""What settles a map: rules, other names, equal values, a step that is given, and a proof."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from checkpoint_programs import tensors_of, write_names
from shared.errors import UsageError
from shared.tools.checkpoint_conversion.adam_steps import power_after
from shared.tools.checkpoint_conversion.contents import describe
from shared.tools.checkpoint_conversion.conversion_map import load_map
from shared.tools.checkpoint_conversion.optimizers import notes_on
from shared.tools.checkpoint_conversion.plan import Options
from shared.tools.checkpoint_conversion.planner import make_plan
from shared.tools.checkpoint_conversion.proposal import propose
from shared.tools.commands import main

F32 = np.float32
RANDOM = np.random.RandomState(0)


def random(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(F32)


def write_map(folder: Path, tf1: str, tf2: str, text: str) -> Path:
    path = folder / "map.toml"
    path.write_text(f'[templates]\ntf1 = "{tf1}"\ntf2 = "{tf2}"\n{text}', encoding="utf-8")
    return path


def blocks(folder: Path) -> tuple[dict[str, np.ndarray], str, str]:
    """Three blocks with slots of an optimizer's own name in TF1, a list and Adam in TF2."""
    names = {}
    for k in range(3):
        for end in ("", "/own_m", "/own_v"):
            names[f"net/layer_{k + 1}/kernel{end}"] = random(2, 2)
    variables = [tf.Variable(tf.zeros([2, 2])) for _ in range(3)]
    optimizer = tf.keras.optimizers.Adam()
    optimizer.build(variables)
    checkpoint = tf.train.Checkpoint(blocks=variables, optimizer=optimizer)
    return names, write_names(folder / "tf1", names), checkpoint.save(str(folder / "tf2"))


RULES = """
[rules]
"*/own_m" = "_momentums"
"*/own_v" = "optimizer/_velocities"
[variables]
"net/layer_1/kernel" = "blocks/0"
"net/layer_2/kernel" = "blocks/1"
"net/layer_3/kernel" = "blocks/2"
[ignore]
tf2 = ["optimizer/_iterations"]
"""


def test_slots_follow_by_two_rules_and_come_back(tmp_path: Path) -> None:
    names, tf1, tf2 = blocks(tmp_path)
    path = write_map(tmp_path, tf1, tf2, RULES)
    arguments = ["checkpoint", "convert", "--map", str(path)]
    assert main([*arguments, "--to", "tf2", tf1, str(tmp_path / "there")]) == 0
    there = describe(tmp_path / "there")
    for slot in there.variables.values():
        if slot.role.slot:
            k = int((slot.role.slot_of or "")[-1]) + 1
            end = "own_m" if slot.role.slot == "Adam.m" else "own_v"
            expected = names[f"net/layer_{k}/kernel/{end}"]
            assert there.read(slot.name).numpy().tobytes() == expected.tobytes()
    assert main([*arguments, "--to", "tf1", str(tmp_path / "there"), str(tmp_path / "back")]) == 0
    assert tensors_of(str(tmp_path / "back")) == tensors_of(tf1)


def test_a_rule_pairs_names_by_what_its_stars_stand_for(tmp_path: Path) -> None:
    names = {f"tower_{k}/kernel": random(2) for k in range(3)}
    towers = {f"tower_{k}": tf.Module() for k in range(3)}
    for module in towers.values():
        module.w = tf.Variable([0.0, 0.0])
    tf1 = write_names(tmp_path / "tf1", names)
    tf2 = tf.train.Checkpoint(**towers).save(str(tmp_path / "tf2"))
    path = write_map(tmp_path, tf1, tf2, '[rules]\n"tower_*/kernel" = "tower_*/w"\n')
    plan = make_plan(describe(tf1), describe(tf2), load_map(path), Options())
    for write in plan.writes:
        if write.sources:
            assert write.target.name == write.sources[0].replace("kernel", "w")


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ('"*/nothing" = "_momentums"', "expected the pattern of a name that no line has"),
        ('"*/own_m" = "_wrong"', "a list of slots such as _momentums; found"),
        ('"*/own_m" = "x/*"', "expected 'x/net/layer_1/kernel' for"),
        ('"*/own_m" = "*/*"', "expected as many \\* on both sides"),
        ('"own_m" = "_momentums"', "expected a \\* and a text"),
    ],
)
def test_a_rule_that_leads_nowhere_is_refused(rules: str, expected: str, tmp_path: Path) -> None:
    _, tf1, tf2 = blocks(tmp_path)
    path = write_map(tmp_path, tf1, tf2, RULES.replace('"*/own_m" = "_momentums"', rules))
    with pytest.raises(UsageError, match=expected):
        make_plan(describe(tf1), describe(tf2), load_map(path), Options())


def test_a_tensor_may_be_named_by_its_key_in_the_file(tmp_path: Path) -> None:
    model = tf.keras.Sequential([tf.keras.Input([3]), tf.keras.layers.Dense(2, name="fc")])
    optimizer = tf.keras.optimizers.SGD()
    optimizer.build(model.trainable_variables)
    tf2 = tf.train.Checkpoint(model=model, optimizer=optimizer).save(str(tmp_path / "tf2"))
    tf1 = write_names(tmp_path / "tf1", {"k": random(3, 2), "b": random(2)})
    text = (
        '[variables]\n"k" = "optimizer/_trainable_variables/0"\n'
        '"b" = "optimizer/_trainable_variables/1"\n[ignore]\ntf2 = ["optimizer/_iterations"]\n'
    )
    path = write_map(tmp_path, tf1, tf2, text)
    plan = make_plan(describe(tf1), describe(tf2), load_map(path), Options())
    written = {write.sources: write.target.name for write in plan.writes if write.sources}
    assert written[("k",)] == "model/_functional/_operations/1/_kernel"


def test_equal_values_pair_what_names_do_not_tell(tmp_path: Path) -> None:
    values = [random(2, 2) for _ in range(3)]
    tf1 = write_names(tmp_path / "tf1", {f"x{k}": value for k, value in enumerate(values)})
    order = [2, 0, 1]
    checkpoint = tf.train.Checkpoint(**{f"y{k}": tf.Variable(values[k]) for k in order})
    one, other = describe(tf1), describe(checkpoint.save(str(tmp_path / "tf2")))
    assert len(propose(one, other).doubts) == 3
    proposal = propose(one, other, match_values=True)
    assert proposal.sure == {f"x{k}": [f"y{k}"] for k in range(3)} and not proposal.doubts


def test_equal_zeros_say_nothing(tmp_path: Path) -> None:
    zeros = np.zeros([3], F32)
    tf1 = describe(write_names(tmp_path / "tf1", {"x0": zeros, "x1": zeros + 1}))
    checkpoint = tf.train.Checkpoint(y0=tf.Variable(zeros + 1), y1=tf.Variable(zeros))
    tf2 = describe(checkpoint.save(str(tmp_path / "tf2")))
    assert not propose(tf1, tf2, match_values=True).sure


def underflowed(folder: Path) -> tuple[str, Path]:
    names = {"w": random(2), "w/Adam": random(2), "w/Adam_1": random(2)}
    powers = {"beta1_power": F32(0), "beta2_power": F32(0)}
    tf1 = write_names(folder / "tf1", {**names, **powers})
    w, optimizer = tf.Variable([0.0, 0.0]), tf.keras.optimizers.Adam()
    optimizer.build([w])
    tf2 = tf.train.Checkpoint(w=w, optimizer=optimizer).save(str(folder / "tf2"))
    text = (
        '[variables]\n"w" = "w"\n"w/Adam" = "optimizer/_variables/2"\n'
        '"w/Adam_1" = "optimizer/_variables/3"\n'
        '[[keras_adam]]\niterations = "optimizer/_iterations"\n'
    )
    return tf1, write_map(folder, tf1, tf2, text)


def test_a_step_that_no_power_tells_any_more_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tf1, path = underflowed(tmp_path)
    arguments = ["checkpoint", "convert", "--to", "tf2", "--map", str(path), tf1]
    assert main([*arguments, str(tmp_path / "a")]) == 2
    assert "the step must come from a global_step or from --step" in capsys.readouterr().err
    assert main([*arguments, str(tmp_path / "b"), "--step", "200000"]) == 0
    assert int(describe(tmp_path / "b").read("optimizer/_iterations")) == 200000
    capsys.readouterr()
    assert main([*arguments, str(tmp_path / "c"), "--step", "3"]) == 2
    expected = f"beta1_power: expected {power_after(0.9, 3):.9g}, 0.9 to the power of 3 + 1"
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "c.index").exists()


def adam_checkpoints(folder: Path, names: dict[str, Any]) -> tuple[Any, Any]:
    w, optimizer = tf.Variable([0.0, 0.0]), tf.keras.optimizers.Adam()
    optimizer.build([w])
    checkpoint = tf.train.Checkpoint(w=w, optimizer=optimizer, step=tf.Variable(0, dtype="int64"))
    slots = {"w": random(2), "w/Adam": random(2), "w/Adam_1": random(2)}
    tf1 = write_names(folder / "tf1", {**slots, **names})
    return describe(tf1), describe(checkpoint.save(str(folder / "tf2")))


def test_betas_are_those_of_which_tf1_has_the_powers(tmp_path: Path) -> None:
    powers = {"beta1_power": power_after(0.5, 7), "beta2_power": power_after(0.98, 7)}
    tf1, tf2 = adam_checkpoints(tmp_path, {**powers, "global_step": np.int64(7)})
    (adam,) = propose(tf1, tf2).keras_adams
    assert (adam.beta1, adam.beta2) == (0.5, 0.98)


def test_a_number_that_the_powers_confirm_is_a_step(tmp_path: Path) -> None:
    powers = {"beta1_power": power_after(0.9, 7), "beta2_power": power_after(0.999, 7)}
    tf1, tf2 = adam_checkpoints(tmp_path, {**powers, "counter": np.int32(7)})
    assert propose(tf1, tf2).sure["counter"] == ["step", "optimizer/_iterations"]
    other = {**powers, "counter": np.int32(8)}
    (tmp_path / "b").mkdir()
    proposal = propose(*adam_checkpoints(tmp_path / "b", other))
    assert {doubt.tf1 for doubt in proposal.doubts} == {"counter"}


PROGRAM = """
import sys
import numpy as np
import tensorflow as tf
w = tf.Variable(tf.zeros([2]))
tf.train.Checkpoint(w=w).read(sys.argv[-2]).assert_existing_objects_matched()
np.savez(sys.argv[-1], outputs=w.numpy() * FACTOR)
"""


SIMPLE = """
import sys
import numpy as np
np.savez(sys.argv[-1], outputs=np.float32([1, 3]) * FACTOR)
"""


def verified(folder: Path, factor: str, text: str = SIMPLE) -> int:
    tf1 = write_names(folder / "tf1", {"w": np.array([1.0, 3.0], F32)})
    tf2 = tf.train.Checkpoint(w=tf.Variable([0.0, 0.0])).save(str(folder / "tf2"))
    path = write_map(folder, tf1, tf2, '[variables]\n"w" = "w"\n')
    program = folder / "predict.py"
    program.write_text(text.replace("FACTOR", factor), encoding="utf-8")
    np.savez(folder / "old.npz", outputs=np.array([2.0, 6.0], F32))
    command = f"{sys.executable} {program}"
    return main(
        [
            *("checkpoint", "convert", "--to", "tf2", "--map", str(path), tf1, str(folder / "out")),
            *("--verify", command, "--expected", str(folder / "old.npz")),
        ]
    )


@pytest.mark.slow
def test_a_program_proves_a_conversion_before_it_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verified(tmp_path, "2", PROGRAM) == 0
    assert "outputs: equal within rounding: largest difference 0" in capsys.readouterr().out
    assert (tmp_path / "out.index").exists()


def test_what_computes_otherwise_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verified(tmp_path, "2.001") == 1
    assert "outputs: DIFFERENT: largest difference 0.0005 of" in capsys.readouterr().out
    assert not (tmp_path / "out.index").exists()


def test_a_program_that_fails_is_no_proof(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verified(tmp_path, "undefined") == 2
    assert "expected exit code 0; found 1: nothing was written" in capsys.readouterr().err
    assert not (tmp_path / "out.index").exists()
    assert (
        main(["checkpoint", "convert", "a", "b", "--to", "tf2", "--map", "c", "--verify", "d"]) == 2
    )
    assert "--verify, --expected: expected both or none" in capsys.readouterr().err


def test_notes_are_those_of_the_program_that_saved() -> None:
    assert "1e-8" in notes_on(["Adam"], ["w/Adam"])[0]
    assert "1e-6" in notes_on(["Adam"], ["w/adam_m"])[0]
    assert (
        "1e-7 where the program gives none"
        in (notes_on(["Adam"], ["training/Adam/w/m"], by_keras=True)[0])
    )
    assert "hard_sigmoid" in notes_on([], ["lstm/recurrent_kernel"])[0]
    assert notes_on([], ["w"]) == []
