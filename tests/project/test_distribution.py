"""The units of work of the tests: what stays together, and what begins first."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from distribution import BY_MODEL, BY_TEST, LONGEST, ordered, unit_of
from shared.models import PAIRS

ROOT = Path(__file__).parents[2]


def test_a_file_stays_together_and_some_are_split_by_model() -> None:
    whole, split = "tests/guide/test_snippets.py", sorted(BY_MODEL)[0]
    assert unit_of(f"{whole}::test_a[cnn]") == whole
    assert unit_of(f"{split}::test_a") == unit_of(f"{split}::test_b[1]") == split
    assert unit_of(f"{split}::test_a[7-cnn]") == f"{split}::cnn"
    alone = f"{sorted(BY_TEST)[0]}::test_a[index.html]"
    assert unit_of(alone) == alone


@pytest.mark.slow
def test_a_unit_runs_on_one_worker(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        text = "import pytest\n@pytest.mark.parametrize('n', range(6))\ndef test_it(n): pass\n"
        (tmp_path / f"test_{name}.py").write_text(text)
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    command = [sys.executable, "-m", "pytest", "-v", "-n", "2", "-p", "no:cacheprovider", "."]
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "helpers")])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    found = re.findall(r"\[(gw\d)\].*PASSED test_(\w)\.py", done.stdout)
    assert len(found) == 18, done.stdout + done.stderr
    assert len(set(found)) == 3  # one worker for each file


def test_the_longest_begin_first_and_none_is_lost() -> None:
    units = ["a", LONGEST[1], "b", LONGEST[0], "a"]
    assert list(ordered(units)) == [LONGEST[0], LONGEST[1], "a", "b"]


@pytest.mark.parametrize("unit", sorted({*BY_MODEL, *BY_TEST, *LONGEST}))
def test_every_unit_that_is_named_exists(unit: str) -> None:
    file, _, model = unit.partition("::")
    assert (ROOT / file).exists()
    assert not model or (model in PAIRS and file in BY_MODEL)
