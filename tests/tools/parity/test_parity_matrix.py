"""The matrix printed in the README and docs/parity.md holds, and is renewed as a whole.

tests/tools/parity/test_parity.py measures it anew: in short runs, and with -m slow in full.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
from shared.errors import UsageError
from shared.models import PAIRS
from shared.tools.commands import parity
from shared.tools.parity import matrix, measuring, printed
from shared.tools.parity.bounds import bound_of
from shared.tools.parity.matrix import RUNTIMES, Row
from shared.tools.parity.printed import PLACES, ROOT, no_longer_holds, read_results, renew

RENEW = "`make parity` renews it"


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    parity.add_parser(parser.add_subparsers())
    parsed = parser.parse_args(["parity", *arguments])
    return parsed.execute(parsed)


@pytest.mark.parametrize("file", PLACES)
def test_a_file_holds_the_matrix_of_the_results(file: str) -> None:
    assert printed.printed(file) == PLACES[file](*read_results()), RENEW


def test_the_results_are_of_every_model_and_runtime_with_its_steps_and_bound() -> None:
    rows, measured_on = read_results()
    runs = [(pair, runtime) for pair in PAIRS.values() for runtime in RUNTIMES]
    keys = [(pair.name, matrix.candidate_of(runtime, pair)) for pair, runtime in runs]
    assert keys == [(row.model, row.candidate) for row in rows], RENEW
    for row, (pair, runtime) in zip(rows, runs, strict=True):
        if row.skipped:
            assert runtime == "gpu" or row.skipped == matrix.why_skipped(runtime, pair)
            continue
        assert row.steps == matrix.steps_of(pair, runtime), RENEW
        bound = bound_of(runtime, pair)
        assert (row.bound, row.reason) == (bound.limit, bound.reason), RENEW
        assert not row.is_broken and row.bitwise == (bound.limit == 0)
        assert row.compared and set(row.compared.values()) == {row.steps}
    assert "1.15.5" in measured_on


def test_a_row_names_the_optimizer_of_keras_that_its_model_has() -> None:
    found = {name: matrix.candidate_of("keras", pair) for name, pair in PAIRS.items()}
    assert found.pop("residual_network") == "Keras SGD"  # with momentum
    for name in ("linear_regression", "softmax_regression"):  # one optimizer, in every row
        assert found.pop(name) == "Keras optimizer"
    assert set(found.values()) == {"Keras Adam"}


def test_bitwise_rows_run_in_full_and_bounded_ones_while_they_can_be_told_apart() -> None:
    mlp = PAIRS["mlp"]
    assert matrix.steps_of(mlp, "many-steps") == mlp.module("tf1_style").Config().steps
    assert matrix.steps_of(mlp, "tf115") == matrix.steps_of(mlp, "keras") == 200
    assert matrix.steps_of(PAIRS["relu_regression"], "tf115") == 10_000
    assert matrix.steps_of(PAIRS["relu_regression"], "eager") == 500
    assert matrix.steps_of(mlp, "eager", 1000) == matrix.steps_of(mlp, "tf115", 1000) == 1000


# ---- that it can fail -------------------------------------------------------------------------

ROW = Row(
    "cnn",
    matrix.REFERENCE,
    "XLA, dropout masks fed in",
    steps=100,
    bitwise=False,
    curve_difference=4e-4,
    first_difference={"step": 1, "stage": "loss", "tensor": "loss"},
    bound=5e-3,
    within_bound=True,
    versions={"tensorflow": "2.21.0"},
)
EQUAL = replace(ROW, bitwise=True, curve_difference=0.0, first_difference=None)
SKIPPED = Row("cnn", matrix.REFERENCE, "XLA, dropout masks fed in", skipped="for a reason")


def test_the_same_order_of_magnitude_holds() -> None:
    assert no_longer_holds([ROW], [replace(ROW, curve_difference=2e-5)]) == []
    line = replace(ROW, model="softmax_regression")
    assert no_longer_holds([line], [replace(line, curve_difference=9e-5)]) == []
    (found,) = no_longer_holds([line], [replace(line, curve_difference=2e-5)])
    assert found == "softmax_regression, XLA, dropout masks fed in: printed 4e-04, found 2e-05"
    assert no_longer_holds([ROW], [replace(ROW, steps=3, curve_difference=1e-7)]) == []
    assert no_longer_holds([EQUAL], [EQUAL]) == []
    assert no_longer_holds([ROW], [SKIPPED]) == no_longer_holds([SKIPPED], [ROW]) == []


def test_where_a_unit_may_turn_around_both_sizes_below_a_rounding_hold() -> None:
    near = replace(ROW, model="residual_network", curve_difference=3e-7)
    assert no_longer_holds([near], [replace(near, curve_difference=7e-4)]) == []
    (found,) = no_longer_holds([near], [replace(near, curve_difference=2e-3)])  # 1.2e-3 and more
    assert found.endswith("printed 3e-07, found 2e-03")


@pytest.mark.parametrize(
    ("before", "now", "line"),
    [
        (ROW, replace(ROW, curve_difference=3.9e-6), "printed 4e-04, found 4e-06"),
        (ROW, replace(ROW, curve_difference=6e-3, within_bound=False), "6e-03, bound 5e-03"),
        (ROW, EQUAL, "printed 4e-04, found bitwise"),
        (EQUAL, ROW, "printed bitwise, found 4e-04"),
        (EQUAL, replace(EQUAL, unrecorded_equal=False), "other bits unrecorded"),
        (
            ROW,
            replace(ROW, first_difference={"step": 2, "stage": "loss", "tensor": "loss"}),
            "printed with a first difference at step 1, found at step 2",
        ),
        (replace(ROW, model="mlp"), ROW, "not printed"),
    ],
)
def test_what_no_longer_holds_is_said(before: Row, now: Row, line: str) -> None:
    (found,) = no_longer_holds([before], [now])
    assert found.startswith("cnn, XLA, dropout masks fed in: ") and line in found


def test_a_figure_edited_by_hand_is_noticed(tmp_path: Path) -> None:
    for file in PLACES:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text((ROOT / file).read_text().replace("e-04", "e-05"))
        assert printed.printed(file, tmp_path) != PLACES[file](*read_results())


# ---- renewing ---------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    for file in PLACES:
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def test_renewing_writes_all_three_files_and_nothing_beside_the_matrix(root: Path) -> None:
    rows = [replace(row, curve_difference=3e-7) for row in read_results()[0]]
    assert renew(rows, root) == ["docs/parity.json", *PLACES]
    again, measured_on = read_results(root)
    assert [row.to_json() for row in again] == [row.to_json() for row in rows]
    for file in PLACES:
        assert printed.printed(file, root) == PLACES[file](rows, measured_on)
        assert printed._split(root / file)[::2] == printed._split(ROOT / file)[::2]
        assert "3e-07" in printed.printed(file, root) or "3.0e-07" in printed.printed(file, root)


def test_rows_of_a_gpu_stay_where_this_machine_has_none(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = read_results()[0]
    on_gpu = [row for row in rows if row.candidate == RUNTIMES["gpu"] and not row.skipped]
    assert on_gpu and all(row.versions and row.versions["gpu"] for row in on_gpu)
    monkeypatch.setattr(printed, "name_of_gpu", lambda: "another GPU")
    first = [_of_gpu(row, versions={"tensorflow": "2.21.0"}) for row in rows]
    renew(first, root)
    assert "GPU: another GPU, compared" in printed.printed("README.md", root)
    skipped = [_of_gpu(row, skipped="TensorFlow sees no GPU", versions=None) for row in rows]
    renew(skipped, root)
    again = [row for row in read_results(root)[0] if row.candidate == RUNTIMES["gpu"]]
    assert {row.versions["gpu"] for row in again if row.versions} == {"another GPU"}
    kept = [row.curve_difference for row in on_gpu]
    assert [row.curve_difference for row in again if not row.skipped] == kept


def _of_gpu(row: Row, **fields: Any) -> Row:
    return replace(row, **fields) if row.candidate == RUNTIMES["gpu"] else row


def test_a_file_without_marks_is_refused_before_anything_is_written(root: Path) -> None:
    (root / "README.md").write_text("no marks\n")
    with pytest.raises(UsageError, match=r"--renew: expected .*README.md with a line"):
        renew(read_results()[0], root)
    assert not (root / "docs" / "parity.json").exists()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            replace(ROW, within_bound=False),
            "not renewed: XLA, dropout masks fed in of cnn (4e-04, bound 5e-03)",
        ),
        (
            replace(SKIPPED, candidate="TensorFlow 1.15", skipped="not installed: make tf115"),
            "not renewed: TensorFlow 1.15 is not installed: make tf115",
        ),
    ],
)
def test_what_must_not_be_printed_is_not(
    row: Row, message: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(measuring, "measure", lambda *_: (found for found in [row]))
    monkeypatch.setattr(printed, "renew", lambda *_: pytest.fail("renewed"))
    assert run("--renew") == (1 if row.is_broken else 0)
    assert message in capsys.readouterr().out


@pytest.mark.parametrize("more", [["cnn"], ["--runtime", "xla"], ["--steps", "3"]])
def test_a_part_of_the_matrix_is_not_renewed(more: list[str]) -> None:
    with pytest.raises(UsageError, match="--renew: expected the whole matrix, found MODEL"):
        run("--renew", *more)
