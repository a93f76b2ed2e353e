"""Where a scan sends someone whose code takes over old files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.tools.commands import main
from shared.tools.scan import idioms

ROOT = Path(__file__).resolve().parents[3]
CODE = {
    # idiom: (a line that shows it, the stage of both files of `transfer`)
    "weights of another checkpoint": ('tf.train.init_from_checkpoint("m", {"/": "a/"})', "FREEZE"),
    "Saver of some variables": ("tf.train.Saver(var_list=features)", "RESTORE"),
    "graph of a .meta file": ('tf.train.import_meta_graph("model.meta")', "META"),
    "frozen graph": ("tf.import_graph_def(graph_def)", "FROZEN"),
}


def stage(place: str) -> str:
    """The stage that a place such as tf1_style/transfer.py:120 stands in."""
    file, line = place.split(":")
    above = (ROOT / file).read_text(encoding="utf-8").splitlines()[: int(line)]
    return re.findall(r"^# ---- ([A-Z]+) -", "\n".join(above), re.MULTILINE)[-1]


@pytest.mark.parametrize("idiom", CODE)
def test_old_files_lead_to_the_stage_that_takes_them_over(
    idiom: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, expected = CODE[idiom]
    (tmp_path / "old.py").write_text(f"import tensorflow as tf\n{code}\n", encoding="utf-8")
    assert main(["scan", str(tmp_path / "old.py")]) == 0
    shown = " ".join(capsys.readouterr().out.split("idioms")[1].split())
    places = re.findall(r"tf[12]_style/\w+\.py:\d+", shown[shown.index(idiom) :])[:2]
    assert [place.split(":")[0] for place in places] == [
        f"{style}/transfer.py" for style in ("tf1_style", "tf2_style")
    ]
    assert [stage(place) for place in places] == [expected] * 2


def test_a_script_is_shown_only_where_no_model_shows_an_idiom() -> None:
    table = idioms._table()
    pairs = {name: idioms._pair(tuple(entry["any"])) for name, entry in table.items()}
    scripts = {name for name, pair in pairs.items() if pair and "transfer" in pair[0]}
    assert scripts == {*CODE} - {"Saver of some variables"}  # models have a Saver of all of them
