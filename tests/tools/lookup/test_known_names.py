"""Every public name of TensorFlow 1.15 is known, with a state that trying it shows."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import forked_python
from shared.tensorflow_loading import load_tensorflow
from shared.tools.child_process import tf115_environment
from shared.tools.lookup import known_names, legacy_keras
from shared.tools.lookup.generated import answer
from shared.tools.lookup.index import close_matches, find, symbols
from shared.tools.lookup.states import STATES, WORKS, state
from shared.tools.lookup.walk import walk
from tf115_environment import require_tf115

ROOT = Path(__file__).resolve().parents[3]


def kind(name: str) -> str:
    (symbol,) = find(name)
    return symbol.kind


@pytest.mark.slow
@pytest.mark.tf115
def test_the_list_is_what_walking_tensorflow_115_finds() -> None:
    command = [require_tf115(), "-m", "shared.tools.lookup.walk"]
    done = forked_python.run(command, env=tf115_environment(), check=True)
    assert json.loads(done.stdout) == json.loads(known_names.NAMES_FILE.read_text())


def test_the_list_has_what_is_loaded_late_and_what_classes_have() -> None:
    names = known_names.what_it_is()
    assert len(names) > 8_000
    late = {"contrib.slim.conv2d", "contrib.tpu.TPUEstimator", "estimator.Estimator"}
    late |= {"contrib.summary.scalar", "keras.layers.Dense", "contrib.slim.tfexample_decoder.Image"}
    assert late <= names.keys()
    assert known_names.member("train.Saver.restore") == ("train.Saver", "restore")
    assert known_names.member("train.AdamOptimizer.minimize") is not None
    assert known_names.member("train.AdamOptimizer.maximize") is None


def test_every_name_has_a_state_and_an_answer() -> None:
    for name in known_names.what_it_is():
        found = known_names.recorded(name)
        assert found is not None and found.code in STATES, name
        assert [symbol.name for symbol in find(name)] == [name]


@pytest.mark.slow
def test_the_recorded_states_are_what_trying_shows() -> None:
    """Tries them in a fresh process: what other tests have imported would be found, too."""
    program = (
        "import json; from shared.tools.lookup.record_states import states_now; "
        "print(json.dumps(states_now()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == json.loads(known_names.STATES_FILE.read_text())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("zeros", "unchanged"),
        ("maximum", "unchanged"),
        ("Tensor", "unchanged"),
        ("newaxis", "unchanged"),
        ("read_file", "renamed"),
        ("keras.layers.Dense", "argument change"),
        ("layers.max_pooling3d", "legacy Keras"),
        ("nn.rnn_cell.RNNCell", "legacy Keras"),
        ("keras.utils.track_tf1_style_variables", "legacy Keras"),
        ("keras.utils.DeterministicRandomTestTool", "legacy Keras"),
        ("contrib.crf.crf_decode", "gone"),
        ("estimator.DNNClassifier", "gone"),
        ("random.Generator", "unchanged"),
        ("tensorflow.python.ops.array_ops.reshape", "internal"),
    ],
)
def test_names_without_an_entry_have_the_kind_of_their_state(name: str, expected: str) -> None:
    assert kind(name) == expected


OF_ITS_OWN = "no replacement of its own is known"


def answers_for_a_child(name: str) -> bool:
    """Whether a name of tf.contrib, without an entry, is answered with what its family has."""
    found = answer(name)
    assert found is not None
    own = known_names.recorded(name)
    assert own is not None
    if found.is_specific or own.renamed or own.upgraded or found.kind != "gone":
        return False  # an entry, a name that is still there, or what tf_upgrade_v2 writes
    says_so = OF_ITS_OWN in found.change
    return bool(found.tf2) or not says_so or found.is_family


def test_no_family_of_contrib_answers_for_a_child() -> None:
    names = [name for name in known_names.what_it_is() if name.startswith("contrib.")]
    assert len(names) > 4000
    assert [name for name in names if answers_for_a_child(name)] == []
    for name in names:
        found = answer(name)
        assert found is not None and found.kind and (found.tf2 or found.change), name


def test_a_family_that_answers_for_its_children_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    family = symbols()["contrib.layers"]
    answered = replace(family, name="contrib.layers.GDN", tf2="tf_slim.layers", is_specific=False)
    monkeypatch.setattr(sys.modules[__name__], "answer", lambda name: answered)
    assert answers_for_a_child("contrib.layers.GDN")


def test_a_name_from_inside_tensorflow_leads_to_its_public_one() -> None:
    (symbol,) = find("tensorflow.python.ops.rnn_cell.LSTMCell")
    assert "its public name is tf.nn.rnn_cell.LSTMCell" in symbol.change
    assert state(symbol).code == "internal"


@pytest.mark.parametrize("name", ["zeros_lke", "train.AdamOptimizr", "layers.dens"])
def test_a_name_of_neither_version_is_unknown(name: str) -> None:
    assert find(name) == []
    assert close_matches(name) != []


@pytest.mark.slow
def test_legacy_keras_is_found_by_calling() -> None:
    cell = "tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(2), tf.ones([1, 1, 1]), dtype=tf.float32)"
    tool = "tf.keras.utils.DeterministicRandomTestTool().scope()"
    outcomes = legacy_keras.try_all(
        [
            ("layers.dense", "tf.layers.dense(tf.ones([1, 2]), 3)"),
            ("nn.dynamic_rnn", cell),
            ("keras.utils.DeterministicRandomTestTool", tool),
            ("estimator.Estimator", None),
            ("layers.dense", "tf.layers.dense(no_such_name)"),
        ]
    )
    assert outcomes[:3] == [WORKS] * 3
    assert outcomes[3].startswith("AttributeError")
    assert outcomes[4].startswith("NameError")


def test_a_missing_legacy_keras_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legacy_keras, "installed", lambda: None)
    legacy_keras.outcome.cache_clear()
    found = legacy_keras.outcome("layers.dense", None, "0.0")
    legacy_keras.outcome.cache_clear()
    assert found == "the package tf_keras is not installed"


def test_walking_tensorflow_2_leaves_out_the_same_names_once_more() -> None:
    load_tensorflow()
    import tensorflow as tf

    names = walk(tf, {})
    assert len(names) > 3_000
    assert "math.log" in names
    assert "compat.v1.log" not in names
