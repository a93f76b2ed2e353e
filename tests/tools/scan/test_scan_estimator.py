"""Where a scan sends someone whose code trains by estimators and hooks."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.tools.commands import main
from shared.tools.lookup.pair_lines import pair_lines

CODE = {
    # idiom: (a line that shows it, a symbol that the stage shown uses)
    "Estimator": ("tf.estimator.Estimator(f)", "estimator.ModeKeys.TRAIN"),
    "MonitoredSession and hooks": (
        "tf.train.MonitoredTrainingSession()",
        "train.SessionRunHook",
    ),
}


@pytest.mark.parametrize("idiom", CODE)
def test_estimators_and_hooks_lead_to_the_pair_that_has_them(
    idiom: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, symbol = CODE[idiom]
    (tmp_path / "old.py").write_text(f"import tensorflow as tf\n{code}\n", encoding="utf-8")
    assert main(["scan", str(tmp_path / "old.py")]) == 0
    shown = " ".join(capsys.readouterr().out.split("idioms")[1].split())
    assert shown.startswith(f"------ {idiom} 1x")
    lines = {f"{line.file}:{line.line}": line for line in pair_lines(symbol)}
    (place,) = [place for place in lines if f"{place} and" in shown]
    assert place.startswith("tf1_style/estimator.py")
    assert f"{place} and {lines[place].twin}:{lines[place].twin_line}" in shown
