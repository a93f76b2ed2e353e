"""The two files of `basics` print the same lines, and the lines are right."""

from __future__ import annotations

import ast
import itertools

import numpy as np
import pytest

from shared.models import STYLES
from tf1_style import basics as tf1_basics
from tf2_style import basics as tf2_basics
from tf115_environment import run_tf115

MODULES = dict(zip(STYLES, (tf1_basics, tf2_basics), strict=True))


def printed(style: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert MODULES[style].main([]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out.splitlines()


def differing(a: list[str], b: list[str]) -> list[tuple[str | None, str | None]]:
    """Returns the lines that are not the same in both, None where one side has no line left."""
    return [pair for pair in itertools.zip_longest(a, b) if pair[0] != pair[1]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return printed("tf2_style", capsys)


def value(lines: list[str], label: str) -> object:
    (line,) = (line for line in lines if line.startswith(f"  {label}  "))
    return ast.literal_eval(line[len(label) + 2 :].strip())


def test_both_styles_print_the_same_lines(
    lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert differing(printed("tf1_style", capsys), lines) == []
    titles = [line for line in lines if not line.startswith(" ")]
    assert titles == [section.__name__.replace("_", " ") for section in tf2_basics.SECTIONS]
    assert len(lines) > 5 * len(titles)
    assert max(map(len, lines)) <= 80


@pytest.mark.tf115
def test_tensorflow_1_15_prints_the_same_lines(lines: list[str]) -> None:
    assert differing(run_tf115("basics").splitlines(), lines) == []


def test_a_section_leaves_no_default_session_behind(capsys: pytest.CaptureFixture[str]) -> None:
    assert differing(printed("tf1_style", capsys), printed("tf1_style", capsys)) == []
    assert tf1_basics.tf.get_default_session() is None


# ---- a difference is seen ---------------------------------------------------------------------


def test_another_number_is_seen(
    lines: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tf1_basics, "SPIKE", 5.5)
    ((found, expected),) = differing(printed("tf1_style", capsys), lines)
    assert found is not None and found.startswith("  spikes")
    assert expected is not None and expected != found


def test_a_naive_port_of_div_is_seen(
    lines: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tf1_basics.tf, "div", tf1_basics.tf.divide)
    ((found, expected),) = differing(printed("tf1_style", capsys), lines)
    label = "  tf.div of whole numbers"
    assert found is not None and found.split() == [*label.split(), "-3.5"]
    assert expected is not None and expected.split() == [*label.split(), "-4"]


def test_a_missing_line_is_seen(lines: list[str]) -> None:
    assert differing(lines, lines[:-1]) == [(lines[-1], None)]


# ---- the lines are right ----------------------------------------------------------------------


def test_spikes(lines: list[str]) -> None:
    # 1, 2, 8, -1, 0, 5.5, 6, 13: up by 6, by 5.5 and by 7.
    assert value(lines, "spikes") == [False, True, False, False, True, False, True]


def test_division(lines: list[str]) -> None:
    assert value(lines, "-7 / 2: truediv") == -7 / 2
    assert value(lines, "-7 / 2: floordiv") == value(lines, "tf.div of whole numbers") == -7 // 2
    assert value(lines, "-7 / 2: floormod") == value(lines, "tf.mod") == -7 % 2
    assert value(lines, "-7 / 2: truncatediv, as in C") == int(-7 / 2)
    assert value(lines, "tf.div of fractions") == -3.5


def test_multiply_is_not_matmul(lines: list[str]) -> None:
    a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, 8.0]])
    assert value(lines, "multiply") == (a * b).tolist()
    assert value(lines, "matmul") == (a @ b).tolist()


def test_derivatives_follow_the_chain_rule(lines: list[str]) -> None:
    for label, by_hand in (
        ("first derivative", "by hand: 18x (3x^2 + 1)^2"),
        ("second derivative", "by hand: 18u^2 + 216x^2 u"),
        ("xy + sin y at (0.5, 3)", "by hand: y, x + cos y"),
    ):
        assert value(lines, label) == value(lines, by_hand)
    # Not by the same rule: differences of the function itself, good to about step**2.
    step, f = 1e-3, lambda x: (3 * x**2 + 1) ** 3
    slope = (f(0.5 + step) - f(0.5 - step)) / (2 * step)
    assert value(lines, "first derivative") == pytest.approx(slope, rel=1e-4)
    assert value(lines, "x^2 by y") is None


def test_standardization(lines: list[str]) -> None:
    # The deviations of 1,000 draws from 3 and 0.5 are off by 2 % at one sigma.
    assert value(lines, "deviation before") == pytest.approx([3, 0.5], rel=0.1)
    assert value(lines, "mean after") == [0.0, 0.0]
    assert value(lines, "deviation after") == [1.0, 1.0]


def test_least_squares(lines: list[str]) -> None:
    x, y = tf2_basics.noisy_points()
    design = np.stack([x, np.ones_like(x)], axis=1)
    expected, squares, *_ = np.linalg.lstsq(design, y, rcond=None)
    closed = value(lines, "closed form: slope, intercept")
    # Printed with 4 places.
    assert closed == pytest.approx(expected, abs=5.1e-5)
    assert value(lines, "objective there") == pytest.approx(squares[0] / 2, abs=5.1e-5)
    distances = [
        np.linalg.norm(np.subtract(value(lines, f"weights after step {step}"), expected))  # type: ignore[call-overload]
        for step in (1, 10, 100)
    ]
    assert distances[0] > 5 * distances[1] > 50 * distances[2]
    assert value(lines, "objective then") == value(lines, "objective there")


def test_the_program_has_no_commands(capsys: pytest.CaptureFixture[str]) -> None:
    for module in MODULES.values():
        with pytest.raises(SystemExit) as caught:
            module.main(["train"])
        assert caught.value.code == 2
        assert "unrecognized arguments: train" in capsys.readouterr().err
