"""Every pitfall: both sides as pinned, different, and cured by what is written instead."""

import dataclasses
import functools
import math
from pathlib import Path

import pytest

from pitfall_checks import complaints
from pitfall_pins import pins_of
from shared.errors import SuiteError
from shared.tools.pitfalls.measuring import measure, measure_here
from shared.tools.pitfalls.pitfall import CATALOGUE, SIDES, Reading, pitfalls
from stock_keras import stock_keras as stock_keras  # every test here has Keras 3 alone
from upgrade_script import converted

PITFALLS = pitfalls()
NAMES = list(PITFALLS)
SITE_PACKAGES = Path(pytest.__file__).parents[1]


@functools.cache
def all_measured() -> dict[str, list[Reading]]:
    return measure(PITFALLS.values())


def measured(name: str) -> list[Reading]:
    return all_measured()[name]


def test_every_folder_of_the_catalogue_is_in_its_order_and_complete() -> None:
    folders = [path for path in CATALOGUE.iterdir() if path.is_dir()]
    assert {path.name for path in folders} == set(NAMES)
    assert len(NAMES) >= 33
    for folder in folders:
        found = {path.name for path in folder.iterdir() if path.name != "__pycache__"}
        assert found == {"text.toml", *(f"{side}.py" for side in SIDES)}, folder


@pytest.mark.parametrize("name", NAMES)
def test_both_sides_are_what_is_pinned(name: str) -> None:
    pins = pins_of(name)
    assert [reading.quantity for reading in measured(name)] == list(pins)
    found = complaints(PITFALLS[name], measured(name), pins)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", NAMES)
def test_the_pins_can_tell_the_sides_apart(name: str) -> None:
    pins = pins_of(name).values()
    assert any(not pin.close(pin.before(PITFALLS[name]), pin.tf2) for pin in pins)


@pytest.mark.parametrize("name", NAMES)
def test_a_pitfall_that_vanishes_is_reported_as_gone(name: str) -> None:
    pins, pitfall = pins_of(name), PITFALLS[name]
    readings = [
        dataclasses.replace(reading, naive=pins[reading.quantity].before(pitfall))
        for reading in measured(name)
    ]
    found = complaints(pitfall, readings, pins)
    assert found
    assert all(line.startswith(f"pitfall {name} is gone: ") for line in found)


def test_another_number_than_the_pinned_one_is_reported_as_such() -> None:
    readings = [dataclasses.replace(measured("momentum-rate")[1], tf1=-1.25, naive=-2.0)]
    assert complaints(PITFALLS["momentum-rate"], readings, pins_of("momentum-rate")) == [
        "momentum-rate, weight after 3 steps, rate 1/2, then 1/4: TF1 style gives -1.25, "
        "not -1.3125",
        "momentum-rate, weight after 3 steps, rate 1/2, then 1/4: TF2 style gives -2.0, not -1.5",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_good_port_restores_parity(name: str) -> None:
    pitfall, pins = PITFALLS[name], pins_of(name)
    cured = 0
    for reading in measured(name):
        pin = pins[reading.quantity]
        if reading.fixed is not None:
            expected = pin.advised(pitfall)
            assert pin.close(reading.fixed, expected), reading
            cured += not pin.close(reading.fixed, pin.tf2)
    assert cured


def test_kernels_and_sgd_restore_parity_to_the_last_bit() -> None:
    for name in ("adam-rounding", "momentum-rate", "frozen-rate"):
        for reading in measured(name):
            assert reading.fixed == reading.tf1, reading


@pytest.mark.parametrize("name", NAMES)
def test_a_file_fits_a_screen(name: str) -> None:
    for side in SIDES:
        lines = PITFALLS[name].code(side).splitlines()
        assert len(lines) <= 60, side
        assert max(map(len, lines)) <= 78, side  # 80 columns, indented by 2


@pytest.mark.parametrize("name", NAMES)
def test_sources_are_addresses_or_files_of_the_installed_packages(name: str) -> None:
    assert PITFALLS[name].sources
    for source in PITFALLS[name].sources:
        if not source.startswith(("https://", "TensorFlow 1.15: ")):
            assert (SITE_PACKAGES / source.partition(",")[0]).is_file(), source


@functools.cache
def words_that_lead_to_pitfalls() -> str:
    root = Path(__file__).resolve().parents[3]
    folders = ("shared/tools/lookup", "shared/tools/scan", "docs/guide/hunks")
    data = [path for folder in folders for path in (root / folder).glob("*.toml")]
    pages = (root / "docs" / "guide" / "concepts").glob("*.md")
    return "\n".join(path.read_text(encoding="utf-8") for path in [*data, *pages])


@pytest.mark.parametrize("name", NAMES)
def test_a_symbol_a_difference_or_a_concept_leads_to_it(name: str) -> None:
    words = words_that_lead_to_pitfalls()
    assert f'"{name}"' in words or f"<pitfall-{name}>" in words


def test_the_lines_of_a_text_are_joined() -> None:
    assert "\n" not in PITFALLS["adam-epsilon"].what
    assert PITFALLS["adam-epsilon"].what.startswith("Weights with small gradients learn up to ten")


def test_a_file_that_fails_is_named_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str, side: str) -> None:
        raise ValueError("no such thing")

    monkeypatch.setattr("shared.tools.pitfalls.measuring.run", fail)
    with pytest.raises(SuiteError, match=r"^tracing/fixed.py: expected results, found: ValueError"):
        measure_here("tracing", "fixed")


def test_it_takes_all_readings_to_be_gone() -> None:
    alike, different = Reading("a", None, 1.0, 1.0, None), Reading("b", None, 1.0, 2.0, None)
    not_a_number = Reading("c", None, math.nan, math.nan, None)
    pitfall = PITFALLS["tracing"]
    assert pitfall.has_vanished([alike, not_a_number])
    assert not pitfall.has_vanished([alike, different])
    only_tf115 = dataclasses.replace(pitfall, only_tf115=True)
    assert not only_tf115.has_vanished([alike])  # TensorFlow 1.15 was not run
    assert only_tf115.has_vanished([dataclasses.replace(alike, tf115=1.0)])


# --- What the explanations say beyond the numbers -------------------------------------------------


def test_beta1_power_is_flushed_to_zero_before_step_829() -> None:
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        weight = tf.get_variable("weight", initializer=0.0, use_resource=True)
        update = tf.train.AdamOptimizer(0.001).minimize(weight * 0.5)
        (power,) = (v for v in tf.global_variables() if v.op.name == "beta1_power")
        session.run(tf.global_variables_initializer())
        powers = []
        for _ in range(828):
            session.run(update)
            powers.append(session.run(power))
    assert powers[826] > 0
    assert powers[827] == 0


def test_the_logarithm_of_beta2_power_counts_38537_steps() -> None:
    import numpy as np

    beta2 = power = np.float32(0.999)
    for steps in range(38_539):
        counted = round(math.log(power) / math.log(0.999)) - 1
        if counted != steps:
            break
        power *= beta2
    assert (steps, counted) == (38_538, 38_537)
    for side in ("fixed", "text"):
        suffix = "toml" if side == "text" else "py"
        assert "38,537" in (CATALOGUE / "adam-state" / f"{side}.{suffix}").read_text()


def test_beta2_in_float32_rids_keras_adam_of_the_larger_rounding() -> None:
    import numpy as np
    import tensorflow as tf

    optimizer = tf.keras.optimizers.Adam(0.001, beta_2=float(np.float32(0.999)), epsilon=1e-8)
    weight = tf.Variable(0.0)
    for step in range(1, 101):
        optimizer.apply_gradients([(tf.constant(1 / step), weight)])
    *_, hundredth = measured("adam-rounding")
    assert isinstance(hundredth.tf1, float)
    assert isinstance(hundredth.naive, float)
    with_default = abs(hundredth.naive - hundredth.tf1)
    assert 0 < abs(float(weight) - hundredth.tf1) < with_default / 5


def test_keras_refuses_a_tensor_as_the_learning_rate() -> None:
    import tensorflow as tf

    with pytest.raises(ValueError, match="learning_rate"):
        tf.keras.optimizers.SGD(tf.constant(0.5))


def test_it_is_the_graph_optimizer_that_hides_the_nan() -> None:
    import tensorflow as tf

    optimizer = tf.config.optimizer
    optimizer.set_experimental_options({"arithmetic_optimization": False})
    try:
        found = measure_here("naive-cross-entropy", "naive")["loss alone: against tf.function"]
        assert isinstance(found, float)
        assert math.isnan(found)
    finally:
        optimizer.set_experimental_options({"arithmetic_optimization": True})


def test_the_naive_port_of_a_script_is_what_the_converter_makes_of_it() -> None:
    ported = PITFALLS["upgrade-script"].code("naive")
    script = ported.replace("tf.compat.v1.", "tf.")
    assert script != ported
    assert converted(script) == ported


def test_the_console_script_of_the_converter_finds_no_issue_and_writes_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tensorflow.tools.compatibility import tf_upgrade_v2_main

    script, output, report = (tmp_path / name for name in ("in.py", "out.py", "report.txt"))
    script.write_text(PITFALLS["upgrade-script"].code("naive").replace("tf.compat.v1.", "tf."))
    files = ["--infile", str(script), "--outfile", str(output), "--reportfile", str(report)]
    monkeypatch.setattr("sys.argv", ["tf_upgrade_v2", *files])
    tf_upgrade_v2_main.main()
    assert "Detected 0 issues that require attention" in capsys.readouterr().out
    assert output.read_text() == PITFALLS["upgrade-script"].code("naive")


def test_a_second_run_of_a_session_takes_other_batches_too() -> None:
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        batch = tf.data.make_one_shot_iterator(tf.data.Dataset.range(1, 100)).get_next()
        weight = tf.get_variable("weight", initializer=0.0, use_resource=True)
        loss = weight * tf.cast(batch, tf.float32)
        update = tf.train.GradientDescentOptimizer(0.125).minimize(loss)
        session.run(tf.global_variables_initializer())
        logged = []
        for _ in range(3):
            logged.append(int(session.run(batch)))
            session.run(update)
        found = {"logged": logged, "weight": float(session.run(weight))}
    naive = [reading.naive for reading in measured("fetched-twice")]
    assert list(found.values()) == naive


def test_a_model_of_untracked_variables_is_warned_of() -> None:
    code = PITFALLS["untracked-variables"].code("naive")
    with pytest.warns(UserWarning, match="does not have any trainable weights"):
        exec(compile(code, "naive.py", "exec"), {"__name__": "naive"})


def test_two_softmaxes_keep_a_loss_above_what_the_text_says() -> None:
    # Perfect predictions: the second softmax sees a 1 among zeros.
    bounds = [math.log(1 + (classes - 1) / math.e) for classes in (2, 10)]
    for bound in bounds:
        assert f"{bound:.2f}" in PITFALLS["double-softmax"].what
