"""The pages of the ladder: what each rung changes, prints, computes and costs."""

from __future__ import annotations

import html
import statistics
from collections.abc import Mapping
from typing import Any

import numpy as np

from measuring.ladder import COMPAT, FOLDER, LEGACY, ORIGINAL, RUNGS, SCRIPTS, UPGRADED
from pair_pages.markdown_text import code, escaped, table
from pair_pages.numbers.measured import measured
from pair_pages.side_by_side.hunks import Hunk, parts
from pair_pages.side_by_side.tables import CodeTables
from shared.tools.compare.distances import relative_l2

Runs = Mapping[str, Any]
_SESSION = COMPAT  # what speeds are compared with


def summary() -> str:
    """Returns a table with a line for each rung."""
    runs = measured("ladder")
    rows = []
    for number, name in enumerate(RUNGS, 1):
        change, page = _CHANGES[name], name.replace("_", "-")
        link = f"[{number}. {change}](rung-{page}.md)"
        rows.append([link, _parity(runs, name), _times_faster(runs, name)])
    return table(["rung", "loss curve, against the rung before", "speed"], rows)


_CHANGES = {
    "1_original": "as written in 2018",
    "2_upgraded": "2to3 and tf_upgrade_v2",
    "3_compat_v1": "compat.v1",
    "4_legacy_keras": "legacy Keras",
    "5_native": "native, same kernel",
    "6_keras": "Adam of Keras",
    "7_many_steps": "many steps a call",
    "8_xla": "XLA",
}


def rung(number: int) -> str:
    """Returns what is generated of a rung's page: its code, its output, parity and speed."""
    runs, name = measured("ladder"), RUNGS[number - 1]
    found = [_code(name), "## What it prints\n", _output(runs, name)]
    if _is_done(runs, name):
        found += ["## Against the rungs before\n", _comparison(runs, name)]
    return "\n".join(found)


def _code(name: str) -> str:
    if name == ORIGINAL:
        return "\n".join(
            [f"## The code\n\n`{file}`\n\n{code(_text(name, file))}" for file in _files(name)]
        )
    if name == UPGRADED:
        pairs = [
            ("2to3", _text(ORIGINAL, "train.py"), _text(name, "train_after_2to3.py")),
            ("tf_upgrade_v2", _text(name, "train_after_2to3.py"), _text(name, "train.py")),
        ]
    else:
        pairs = [(file, _text_before(name, file), _text(name, file)) for file in _files(name)]
    return "\n".join(
        f"## The change: {title}\n\n{diff(before, after, title)}" for title, before, after in pairs
    )


def _files(name: str) -> list[str]:
    """The files of a rung to show; the script with a layer is that of rung 4."""
    shown = [f"{script}.py" for script in SCRIPTS if script != "layers" or name == LEGACY]
    return [file for file in shown if (FOLDER / name / file).exists()]


def _text(name: str, file: str) -> str:
    return (FOLDER / name / file).read_text(encoding="utf-8")


def _text_before(name: str, file: str) -> str:
    """Of the last rung that has the file: of rung 2 what 2to3 made, as it goes no further."""
    earlier = RUNGS[: RUNGS.index(name)]
    before = next(each for each in reversed(earlier) if (FOLDER / each / file).exists())
    if before == UPGRADED:
        file = file.replace(".py", "_after_2to3.py")
    return _text(before, file)


def diff(left: str, right: str, title: str) -> str:
    """Returns two texts side by side, with a button that copies the right one."""
    tables = CodeTables(left, right, ("before", "after"), title.partition(".")[0] + "-")
    shown = [
        f'<div class="hunk">{tables.hunk(part, f"difference in {title}")}</div>'
        if isinstance(part, Hunk)
        else tables.stretch(part, [])
        for part in parts(left, right)
    ]
    label = html.escape(title)
    buttons = (
        '<div class="copy-after"><button type="button" class="copy" data-side="tf2" '
        f'data-scope="stage">Copy<span class="sr-only"> {label} after the change</span>'
        "</button></div>"
    )
    return f'```{{raw}} html\n<div class="stage">{buttons}{"".join(shown)}</div>\n```\n'


def _output(runs: Runs, name: str) -> str:
    if name not in runs:
        return "Not run: `make tf115` installs the TensorFlow 1.15 that it needs.\n"
    lines = []
    for script in SCRIPTS:
        if script == "layers" and name == LEGACY:
            lines += ["# without the switch:", *_printed(runs[COMPAT][script], script)]
            lines += ["# with the switch:"]
        if (run := runs[name][script]) and (script != "layers" or name == LEGACY):
            lines += _printed(run, script)
    return code("\n".join(lines), "text")


def _printed(run: Mapping[str, Any], script: str) -> list[str]:
    return [f"$ python {script}.py", *run["lines"], *filter(None, [run["error"]])]


def _comparison(runs: Runs, name: str) -> str:
    return table(
        ["what", "measured"],
        [
            ["loss curve", _parity(runs, name)],
            ["steps a second", _times_faster(runs, name)],
        ],
    )


def _parity(runs: Runs, name: str) -> str:
    """How the losses of a rung differ from those of the last rung before it that was run."""
    if not _is_done(runs, name):
        error = runs.get(name, {}).get("train", {}).get("error")
        return f"stops: {escaped(error)}" if error else "not run"
    earlier = [each for each in RUNGS[: RUNGS.index(name)] if _is_done(runs, each)]
    if not earlier:
        return "the first"
    before, after = (
        np.asarray(runs[each]["train"]["losses"], np.float32) for each in (earlier[-1], name)
    )
    if np.array_equal(before, after):
        return f"bitwise equal, {len(after):,} steps"
    first = int(np.flatnonzero(before != after)[0]) + 1
    return f"off by {relative_l2(before, after):.0e}, from step {first} on"


def _is_done(runs: Runs, name: str) -> bool:
    return name in runs and bool(runs[name]["train"]["losses"])


def _times_faster(runs: Runs, name: str) -> str:
    if not _is_done(runs, name):
        return "—"
    if name == _SESSION:
        return "1, the others are compared with it"
    return f"{_microseconds(runs, _SESSION) / _microseconds(runs, name):.2g} times as fast"


def _microseconds(runs: Runs, name: str) -> float:
    """The time of a step, the median over thousands of them, without the first thousand."""
    return statistics.median(runs[name]["train"]["microseconds"][1:])
