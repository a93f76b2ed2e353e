"""The uses, states and kinds in the files of `tests/files/scan`, whose answers people checked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from scanned_trees import FILES, mark, marks, of_tree, tree
from shared.tensorflow_loading import load_tensorflow
from shared.tools.lookup import known_names
from shared.tools.scan import trying
from shared.tools.scan.behaviours import behaviours
from shared.tools.scan.project import scan

EXPECTED: dict[str, Any] = tomllib.loads((FILES / "expected.toml").read_text(encoding="utf-8"))
FOLDERS = sorted({name.partition("/")[0] for name in EXPECTED["files"]})


def found_in(folder: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {
        name: [] for name in EXPECTED["files"] if name.startswith(f"{folder}/")
    }
    for finding in scan(FILES / folder, jobs=1).findings:
        found[f"{folder}/{finding.path}"].append(mark(finding))
    return {name: sorted(marks) for name, marks in found.items()}


def test_there_are_enough_files() -> None:
    files = [p for p in FILES.rglob("*") if p.suffix in (".py", ".ipynb")]
    assert len(files) >= 60
    assert {p.relative_to(FILES).as_posix() for p in files} == set(EXPECTED["files"])


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_use_is_found_and_nothing_else(folder: str) -> None:
    expected = {
        name: sorted(marks)
        for name, marks in EXPECTED["files"].items()
        if name.startswith(f"{folder}/")
    }
    assert found_in(folder) == expected


def test_every_state_and_kind_is_right() -> None:
    verdicts = {}
    for folder in FOLDERS:
        verdicts.update(scan(FILES / folder, jobs=1).verdicts)
    # A name that the look-up does not call is in tf.compat.v1 as well as one that it does.
    found = {
        name: [verdict.state.replace("named", "compat"), verdict.kind]
        for name, verdict in verdicts.items()
    }
    assert found == EXPECTED["symbols"]


def test_what_is_recorded_is_what_trying_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Legacy Keras, which takes a process of its own, is left to the tests of the look-up."""
    names = [
        name.removeprefix("tf.")
        for name, (state, _) in EXPECTED["symbols"].items()
        if state in ("same", "changed", "keras 3", "unknown", "gone") and name != "tf.__version__"
    ]
    recorded = {name: trying.state(name)[0] for name in names}
    monkeypatch.setattr(known_names, "recorded_versions", lambda: ("another version", ""))
    monkeypatch.setattr(trying, "_kept", dict)
    from shared.tools.lookup.index import Symbol
    from shared.tools.lookup.states import state_without_legacy_keras

    tried = {n: state_without_legacy_keras(Symbol(n, "", "", "", "")).code for n in names}
    differ = {n: (recorded[n], tried[n]) for n in names if recorded[n] != tried[n]}
    # A name that 1.15 had not is gone for TensorFlow, and unknown for whoever wrote it.
    assert {n: d for n, d in differ.items() if d != ("unknown", "gone")} == {}


def test_a_wrong_answer_is_caught() -> None:
    wrong = dict(EXPECTED["files"])
    name = "aliases/assigned.py"
    wrong[name] = [m.replace("tf.layers.dense", "tf.nn.dense") for m in wrong[name]]
    assert found_in("aliases")[name] != sorted(wrong[name])


# --- which kind of checkpoint is read ---

READS = 'import tensorflow as tf\ntf.train.latest_checkpoint("logs")\n'


def test_what_reads_either_kind_of_checkpoint_counts_only_beside_a_saver(tmp_path: Path) -> None:
    trees = {
        "alone": {"read_py": READS},
        "beside": {"read_py": READS, "write_py": "import tensorflow as tf\ntf.train.Saver()\n"},
    }
    found = {name: marks(of_tree(tree(tmp_path / name, **files))) for name, files in trees.items()}
    assert [name for name in found if "2 !checkpoint-of-saver" in found[name]] == ["beside"]


def test_what_to_write_for_a_saver_of_some_variables_reads_its_file_or_says_so(
    tmp_path: Path,
) -> None:
    load_tensorflow()
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        first, second = (tf.compat.v1.get_variable(n, initializer=2.0) for n in ("a", "b"))
        session.run(tf.compat.v1.global_variables_initializer())
        path = tf.compat.v1.train.Saver([first, second]).save(session, str(tmp_path / "model"))
    write = behaviours()["saver-of-some-variables"].write
    named, other = tf.Variable(0.0, name="a"), tf.Variable(0.0, name="c")
    exec(write, {"tf": tf, "path": path, "some_variables": {"anything": named}})
    assert named.numpy() == 2.0
    with pytest.raises(AssertionError, match="not restored"):
        exec(write, {"tf": tf, "path": path, "some_variables": {"a": other}})
    # What stood there before says nothing.
    tf.train.Checkpoint(a=other).read(path).expect_partial()
    assert other.numpy() == 0.0


def test_a_dimension_has_no_value_and_the_function_for_both_versions_is_there() -> None:
    load_tensorflow()
    import tensorflow as tf

    shape = tf.ones([2, 3]).shape
    with pytest.raises(AttributeError, match="'int' object has no attribute 'value'"):
        shape[1].value  # noqa: B018
    assert tf.compat.dimension_value(shape[1]) == 3
