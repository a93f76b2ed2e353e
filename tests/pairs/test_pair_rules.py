"""The two files of each pair line up, so that their diff is the lesson."""

from __future__ import annotations

from pathlib import Path

import pytest

import pair_rules
from shared.checkpoints.leftovers import KEPT
from shared.models import PAIRS, SCRIPTS, SEVERAL_WORKERS, TOPICS

ROOT = Path(__file__).parents[2]
MODELS = [*PAIRS, *SEVERAL_WORKERS]


def source(style: str, model: str) -> str:
    return (ROOT / style / f"{model}.py").read_text(encoding="utf-8")


@pytest.fixture(params=MODELS)
def twins(request: pytest.FixtureRequest) -> tuple[str, str]:
    return source("tf1_style", request.param), source("tf2_style", request.param)


def test_every_file_has_a_twin_or_a_reason() -> None:
    # The kernels that TensorFlow 1 has built in, and the choice of them; Keras's loop, not ours;
    # many steps per call, where a run of a Session is one.
    kernels = {"tf1_adam", "tf1_momentum", "optimizer_flags"}
    without_twin = {"__init__", "mlp_fit", "many_steps", *kernels}
    for style in ("tf1_style", "tf2_style"):
        files = {file.stem for file in (ROOT / style).glob("*.py")}
        assert files - without_twin == {*MODELS, *SCRIPTS, *TOPICS}


def test_names_and_order(twins: tuple[str, str]) -> None:
    assert pair_rules.order_of_names(*twins) == []


def test_settings(twins: tuple[str, str]) -> None:
    assert pair_rules.same_settings(*twins) == []


def test_imports(twins: tuple[str, str]) -> None:
    assert pair_rules.imports(twins[0], "tf1_style") == []
    assert pair_rules.imports(twins[1], "tf2_style") == []


def test_no_name_of_the_other_style(twins: tuple[str, str]) -> None:
    assert pair_rules.foreign_names(twins[0], pair_rules.TF2_NAMES) == []
    assert pair_rules.foreign_names(twins[1], pair_rules.TF1_NAMES) == []


def test_stages(twins: tuple[str, str]) -> None:
    assert pair_rules.order_of_stages(twins[0]) == []
    assert pair_rules.order_of_stages(twins[1]) == []


def test_as_many_checkpoints_are_kept_as_those_who_clear_a_folder_think(
    twins: tuple[str, str],
) -> None:
    assert [pair_rules.kept_checkpoints(source) for source in twins] == [[KEPT], [KEPT]]


@pytest.mark.parametrize("style", ["tf1_style", "tf2_style"])
@pytest.mark.parametrize("model", MODELS)
def test_a_file_is_its_lesson(model: str, style: str) -> None:
    text = source(style, model)
    assert pair_rules.too_long(text, model) == []
    assert pair_rules.late_tensorflow(text) == []
    assert pair_rules.shared_names(text) == []
    assert pair_rules.little_lesson(text) == []


def test_the_differences_of_softmax() -> None:
    twins = source("tf1_style", "softmax_regression"), source("tf2_style", "softmax_regression")
    lines, hunks = pair_rules.differences(*twins)
    assert lines <= pair_rules.SOFTMAX_DIFFERENCES[0]
    assert hunks <= pair_rules.SOFTMAX_DIFFERENCES[1]


def test_what_is_not_the_lesson_is_caught() -> None:
    text = source("tf1_style", "softmax_regression")
    assert pair_rules.too_long(text + "\n" * 20, "softmax_regression") == [
        f"{len(text.splitlines()) + 20} lines, at most 200"
    ]
    assert pair_rules.late_tensorflow("#\n" * 30 + text) != []
    more = text.replace("import sys\n", "import sys\nfrom shared.errors import A, B, C\n", 1)
    assert pair_rules.shared_names(more) != []
    flags = "    flag: int = 1\n" * 60
    assert pair_rules.little_lesson(broken(text, "    steps: int", flags + "    steps: int")) != []
    other = text.replace("        ", "         ")
    assert pair_rules.differences(text, other)[0] > pair_rules.SOFTMAX_DIFFERENCES[0]


@pytest.mark.parametrize("topic", TOPICS)
def test_topic_modules(topic: str) -> None:
    tf1, tf2 = source("tf1_style", topic), source("tf2_style", topic)
    assert pair_rules.order_of_names(tf1, tf2) == []
    assert pair_rules.imports(tf1, "tf1_style") == pair_rules.imports(tf2, "tf2_style") == []
    assert pair_rules.foreign_names(tf1, pair_rules.TF2_NAMES) == []
    assert pair_rules.foreign_names(tf2, pair_rules.TF1_NAMES) == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_pairs(script: str) -> None:
    tf1, tf2 = source("tf1_style", script), source("tf2_style", script)
    assert pair_rules.order_of_names(tf1, tf2) == []
    assert pair_rules.stages(tf1) == pair_rules.stages(tf2) != []
    assert pair_rules.imports(tf1, "tf1_style") == pair_rules.imports(tf2, "tf2_style") == []
    assert pair_rules.foreign_names(tf1, pair_rules.TF2_NAMES) == []
    allowed = pair_rules.ALLOWED_IN_TF2.get(script, ())
    assert pair_rules.foreign_names(tf2, pair_rules.TF1_NAMES, allowed) == []
    assert all(name in tf2 for name in allowed)
    assert not allowed or pair_rules.foreign_names(tf2, pair_rules.TF1_NAMES) == ["tf.compat"]


def test_an_allowed_name_allows_no_other() -> None:
    text = source("tf2_style", "transfer")
    allowed = pair_rules.ALLOWED_IN_TF2["transfer"]
    more = broken(text, "tf.Variable(value", "tf.compat.v1.get_variable(value")
    assert pair_rules.foreign_names(more, pair_rules.TF1_NAMES, allowed) == ["tf.compat"]


@pytest.mark.parametrize("model", MODELS)
def test_mathematics(model: str) -> None:
    differing = pair_rules.same_mathematics(source("tf1_style", model), source("tf2_style", model))
    allowed = pair_rules.OTHER_MATHEMATICS.get(model, {})
    assert differing == [f"{stage} differs" for stage in allowed]


def test_the_exceptions_are_used() -> None:
    names = {
        name.split(".")[-1]
        for model in (*MODELS, *SCRIPTS)
        for style in ("tf1_style", "tf2_style")
        for name in pair_rules.public_names(source(style, model))
    }
    exceptions = {
        **pair_rules.ONLY_IN_TF1,
        **pair_rules.ONLY_IN_TF2,
        **pair_rules.ONLY_IN_TF2_SETTINGS,
        **pair_rules.STYLE_IN_DEFAULT,
    }
    assert set(exceptions) <= names


# Each rule, shown to fail on a twin that is broken in one place.


def broken(text: str, old: str, new: str) -> str:
    assert text.count(old) >= 1, f"the file no longer holds {old!r}"
    return text.replace(old, new, 1)


TF1, TF2 = source("tf1_style", "cnn"), source("tf2_style", "cnn")


def test_a_renamed_method_is_caught() -> None:
    twin = broken(TF2, "def measure(", "def measure_batch(")
    assert pair_rules.order_of_names(TF1, twin) == [
        "only in tf1_style: CNN.measure",
        "only in tf2_style: CNN.measure_batch",
    ]


def test_swapped_methods_are_caught() -> None:
    twin = broken(
        broken(TF2, "def evaluate(self", "def X(self"),
        "def predict(self",
        "def evaluate(self",
    )
    (message,) = pair_rules.order_of_names(TF1, broken(twin, "def X(self", "def predict(self"))
    assert message.startswith("another order")


def test_another_default_is_caught() -> None:
    twin = broken(TF2, "setting(1e-4,", "setting(1e-3,")
    (message,) = pair_rules.same_settings(TF1, twin)
    assert message.startswith("learning_rate:")


def test_an_import_of_the_other_style_is_caught() -> None:
    twin = broken(TF2, "import dataclasses", "import dataclasses\nimport tf1_style.cnn")
    assert pair_rules.imports(twin, "tf2_style") == ["imports tf1_style.cnn"]


def test_a_name_of_the_other_style_is_caught() -> None:
    twin = broken(TF2, "tf.nn.relu(", "tf.compat.v1.nn.relu(")
    assert pair_rules.foreign_names(twin, pair_rules.TF1_NAMES) == ["tf.compat"]
    twin = broken(TF1, "tf.get_variable(name, initializer=initial_value)", "tf.Variable(1.0)")
    assert pair_rules.foreign_names(twin, pair_rules.TF2_NAMES) == ["tf.Variable"]
    twin = broken(TF2, "import tensorflow as tf", "import tensorflow.compat.v1 as tf")
    assert pair_rules.foreign_names(twin, pair_rules.TF1_NAMES) == ["tf.compat"]


def test_another_number_of_checkpoints_is_caught() -> None:
    broken_tf1 = broken(TF1, "max_to_keep=3", "max_to_keep=4")
    broken_tf2 = broken(TF2, "directory, 3,", "directory, 4,")
    assert pair_rules.kept_checkpoints(broken_tf1) == [KEPT + 1]
    assert pair_rules.kept_checkpoints(broken_tf2) == [KEPT + 1]


def test_a_missing_stage_is_caught() -> None:
    twin = broken(TF2, "# ---- SESSION -", "# session -")
    (message,) = pair_rules.order_of_stages(twin)
    assert "SESSION" in message


def test_changed_mathematics_is_caught() -> None:
    assert pair_rules.same_mathematics(TF1, broken(TF2, 'padding="SAME"', 'padding="VALID"')) == [
        "FORWARD differs"
    ]
    assert pair_rules.same_mathematics(TF1, broken(TF2, "reduce_mean", "reduce_sum")) == [
        "LOSS differs"
    ]
