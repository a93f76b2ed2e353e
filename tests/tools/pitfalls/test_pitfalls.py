"""Every pitfall: both sides as pinned, different, and cured by what is written instead."""

import dataclasses
import functools
import math
from pathlib import Path

import pytest

from pitfall_checks import complaints
from pitfall_pins import pins_of
from shared.tools.pitfalls import CATALOGUE, Pitfall, adam, cross_entropy, upgrade
from shared.tools.pitfalls.pitfall import Reading
from shared.tools.pitfalls.training import train_in_session, train_with_keras

NAMES = [pitfall.name for pitfall in CATALOGUE]
PITFALLS = dict(zip(NAMES, CATALOGUE, strict=True))
SITE_PACKAGES = Path(pytest.__file__).parents[1]


@functools.cache
def measured(name: str) -> list[Reading]:
    return PITFALLS[name].measure()


def test_there_are_twenty_with_names_of_their_own() -> None:
    assert len(CATALOGUE) == len(PITFALLS) == 20


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


def healed(name: str) -> Pitfall:
    """The pitfall under a TensorFlow whose TF2 style does what its TF1 style used to do."""
    befores = {quantity: pin.before(PITFALLS[name]) for quantity, pin in pins_of(name).items()}
    return dataclasses.replace(PITFALLS[name], tf2=lambda: befores)


@pytest.mark.parametrize("name", NAMES)
def test_a_pitfall_that_vanishes_is_reported_as_gone(name: str) -> None:
    pitfall = healed(name)
    readings = [
        dataclasses.replace(reading, tf2=pitfall.tf2()[reading.quantity])
        for reading in measured(name)
    ]
    found = complaints(pitfall, readings, pins_of(name))
    assert found
    assert all(line.startswith(f"pitfall {name} is gone: ") for line in found)


def test_another_number_than_the_pinned_one_is_reported_as_such() -> None:
    readings = [dataclasses.replace(measured("momentum-rate")[1], tf1=-1.25, tf2=-2.0)]
    assert complaints(PITFALLS["momentum-rate"], readings, pins_of("momentum-rate")) == [
        "momentum-rate, weight after 3 steps, rate 1/2, then 1/4: TF1 style gives -1.25, "
        "not -1.3125",
        "momentum-rate, weight after 3 steps, rate 1/2, then 1/4: TF2 style gives -2.0, not -1.5",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_instead_restores_parity(name: str) -> None:
    pitfall, pins = PITFALLS[name], pins_of(name)
    cured = 0
    for reading in measured(name):
        pin = pins[reading.quantity]
        if reading.instead is not None:
            expected = pin.advised(pitfall)
            assert pin.close(reading.instead, expected), reading
            cured += not pin.close(reading.instead, pin.tf2)
    assert cured


def test_kernels_and_sgd_restore_parity_to_the_last_bit() -> None:
    for name in ("adam-rounding", "momentum-rate", "frozen-rate"):
        for reading in measured(name):
            assert reading.instead == reading.tf1, reading


@pytest.mark.parametrize("name", NAMES)
def test_the_snippet_runs_by_itself(name: str) -> None:
    snippet = PITFALLS[name].snippet
    assert "import tensorflow as tf" in snippet
    assert "measured" not in snippet
    assert max(map(len, snippet.splitlines())) <= 78  # 80 columns, indented by 2
    exec(compile(snippet, f"{name} snippet", "exec"), {"__name__": "snippet"})


@pytest.mark.parametrize("name", NAMES)
def test_sources_are_addresses_or_files_of_the_installed_packages(name: str) -> None:
    assert PITFALLS[name].sources
    for source in PITFALLS[name].sources:
        if not source.startswith(("https://", "TensorFlow 1.15: ")):
            assert (SITE_PACKAGES / source.partition(",")[0]).is_file(), source


def test_the_measuring_code_is_not_shown() -> None:
    assert PITFALLS["frozen-rate"].snippet.splitlines()[-1].endswith("anew each step")


def test_it_takes_all_readings_to_be_gone() -> None:
    alike, different = Reading("a", None, 1.0, 1.0, None), Reading("b", None, 1.0, 2.0, None)
    not_a_number = Reading("c", None, math.nan, math.nan, None)
    pitfall = PITFALLS["tracing"]
    assert pitfall.is_gone([alike, not_a_number])
    assert not pitfall.is_gone([alike, different])
    only_tf115 = dataclasses.replace(pitfall, only_tf115=True)
    assert not only_tf115.is_gone([alike])  # TensorFlow 1.15 was not run
    assert only_tf115.is_gone([dataclasses.replace(alike, tf115=1.0)])


# --- What the explanations say beyond the numbers -------------------------------------------------


def test_beta1_power_is_flushed_to_zero_before_step_829() -> None:
    powers = [
        train_in_session(lambda tf: tf.train.AdamOptimizer(0.001), [0.5] * steps)["beta1_power"]
        for steps in (827, 828)
    ]
    assert powers[0] > 0
    assert powers[1] == 0


def test_beta2_in_float32_rids_keras_adam_of_the_larger_rounding() -> None:
    import numpy as np
    import tensorflow as tf

    gradients = [1 / step for step in range(1, 101)]
    optimizer = tf.keras.optimizers.Adam(0.001, beta_2=float(np.float32(0.999)), epsilon=1e-8)
    weight = train_with_keras(optimizer, gradients)
    readings = {reading.quantity: reading for reading in measured("adam-rounding")}
    hundredth = readings[adam.HUNDREDTH_STEP]
    with_default = abs(float(hundredth.tf2) - float(hundredth.tf1))
    assert 0 < abs(weight - float(hundredth.tf1)) < with_default / 5


def test_keras_refuses_a_tensor_as_the_learning_rate() -> None:
    import tensorflow as tf

    with pytest.raises(ValueError, match="learning_rate"):
        tf.keras.optimizers.SGD(tf.constant(0.5))


def test_it_is_the_graph_optimizer_that_hides_the_nan() -> None:
    import tensorflow as tf

    optimizer = tf.config.optimizer
    optimizer.set_experimental_options({"arithmetic_optimization": False})
    try:
        assert math.isnan(float(cross_entropy._naive_tf2()[cross_entropy.ALONE_FUNCTION]))
    finally:
        optimizer.set_experimental_options({"arithmetic_optimization": True})


def test_the_console_script_of_the_converter_finds_no_issue_and_writes_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tensorflow.tools.compatibility import tf_upgrade_v2_main

    script, output, report = (tmp_path / name for name in ("in.py", "out.py", "report.txt"))
    script.write_text(upgrade.SCRIPT)
    files = ["--infile", str(script), "--outfile", str(output), "--reportfile", str(report)]
    monkeypatch.setattr("sys.argv", ["tf_upgrade_v2", *files])
    tf_upgrade_v2_main.main()
    assert "Detected 0 issues that require attention" in capsys.readouterr().out
    assert output.read_text() == upgrade.converted(upgrade.SCRIPT)
