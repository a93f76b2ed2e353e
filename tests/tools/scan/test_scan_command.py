"""`pairs scan`: formats, exit codes, baseline."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scanned_trees import FILES, CrashingAnalyzer, as_json, of_tree, tree
from shared.tools.commands import main
from shared.tools.scan.files import analyze_all
from shared.tools.scan.port_order import port_order
from shared.tools.scan.project import scan, scan_text
from shared.tools.scan.source_files import Problem

WHOLE = FILES / "whole"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["scan", "--no-upgrade-script", *arguments]) == 0
    return capsys.readouterr().out


# ---- the terminal ----


def test_the_terminal_report_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("whole", "aliases", "local", "notebooks"):
        lines = printed(capsys, str(FILES / folder)).splitlines()
        assert max(map(len, lines)) <= 80


def test_the_terminal_report_names_place_state_and_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = printed(capsys, str(WHOLE))
    assert "  tf.layers.dense                        with legacy Keras  line 4\n" in text
    assert "write: tf.random.shuffle" not in text
    assert "write: tf.math.log(x)" in text
    assert "files in the order to port" in text
    assert "100.0% of uses resolved" in text


def test_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(b"import tensorflow as tf\ntf.log(1.0)\n"))
    monkeypatch.setattr(sys, "stdin", stream)
    assert "tf.log" in printed(capsys, "-")


# ---- JSON ----


def test_the_json_report_has_its_documented_members() -> None:
    report = as_json(WHOLE)
    assert report["format"] == "pairs-scan"
    assert report["format_version"] == 1
    dense = report["symbols"]["tf.layers.dense"]
    assert dense["kind"] == "with legacy Keras"
    assert dense["state"] == "legacy keras"
    assert dense["write"]
    use = next(f for f in report["findings"] if f["name"] == "tf.layers.dense")
    assert (use["path"], use["line"], use["written"]) == ("gan.py", 4, "tf.layers.dense")
    assert report["totals"]["by_kind"]["gone"] == 6
    assert sum(f["minutes"] for f in report["findings"]) == pytest.approx(
        report["totals"]["minutes"], abs=0.1
    )
    documented = (Path(__file__).parents[3] / "docs" / "scan.md").read_text(encoding="utf-8")
    for member in report:
        assert f"`{member}`" in documented


# ---- SARIF: what the standard asks of the parts that are used ----

TEXT = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string", "minLength": 1}},
}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
ARTIFACT = {
    "type": "object",
    "required": ["uri", "uriBaseId"],
    "properties": {
        "uri": {"type": "string", "format": "uri-reference", "pattern": "^[^/\\s<>]"},
        "uriBaseId": {"const": "SRCROOT"},
    },
    "additionalProperties": False,
}
LOCATION = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation"],
            "properties": {
                "artifactLocation": ARTIFACT,
                "region": {
                    "type": "object",
                    "required": ["startLine", "startColumn"],
                    "properties": {
                        "startLine": {"type": "integer", "minimum": 1},
                        "startColumn": {"type": "integer", "minimum": 1},
                    },
                    "additionalProperties": False,
                },
            },
            "additionalProperties": False,
        },
        "logicalLocations": {"type": "array", "items": {"type": "object"}},
    },
    "additionalProperties": False,
}
RESULT = {
    "type": "object",
    "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
    "properties": {
        "ruleId": {"type": "string", "minLength": 1},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": LEVEL,
        "message": TEXT,
        "locations": {"type": "array", "minItems": 1, "items": LOCATION},
        "partialFingerprints": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        },
    },
    "additionalProperties": False,
}
RULE = {
    "type": "object",
    "required": ["id", "shortDescription", "defaultConfiguration"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "shortDescription": TEXT,
        "defaultConfiguration": {
            "type": "object",
            "properties": {"level": LEVEL},
            "additionalProperties": False,
        },
        "properties": {
            "type": "object",
            "properties": {"tags": {"type": "array", "uniqueItems": True}},
        },
    },
    "additionalProperties": False,
}
RUN = {
    "type": "object",
    "required": ["tool", "results"],
    "properties": {
        "tool": {
            "type": "object",
            "required": ["driver"],
            "properties": {
                "driver": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string"},
                        "rules": {"type": "array", "uniqueItems": True, "items": RULE},
                    },
                    "additionalProperties": False,
                }
            },
            "additionalProperties": False,
        },
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
        "originalUriBaseIds": {"type": "object"},
        "invocations": {
            "type": "array",
            "items": {"type": "object", "required": ["executionSuccessful"]},
        },
        "results": {"type": "array", "items": RESULT},
    },
    "additionalProperties": False,
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "minItems": 1, "items": RUN},
    },
    "additionalProperties": False,
}


def sarif(capsys: pytest.CaptureFixture[str], folder: Path) -> Any:
    return json.loads(printed(capsys, str(folder), "--format", "sarif"))


@pytest.mark.parametrize("folder", ["whole", "aliases", "notebooks", "behaviour"])
def test_sarif_is_valid(capsys: pytest.CaptureFixture[str], folder: str) -> None:
    log = sarif(capsys, FILES / folder)
    jsonschema.validate(log, SARIF, format_checker=jsonschema.FormatChecker())
    (run,) = log["runs"]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert run["results"]
    assert all(ids[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    prints = [tuple(result["partialFingerprints"].values()) for result in run["results"]]
    assert len(set(prints)) == len(prints)


def test_sarif_without_fingerprints_is_caught(capsys: pytest.CaptureFixture[str]) -> None:
    log = sarif(capsys, WHOLE)
    del log["runs"][0]["results"][3]["partialFingerprints"]
    with pytest.raises(jsonschema.ValidationError, match="partialFingerprints"):
        jsonschema.validate(log, SARIF)


def test_sarif_names_files_that_were_not_scanned(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (run,) = sarif(capsys, tree(tmp_path, bad_py=b"\0"))["runs"]
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"] == "not scanned: no text: it holds zero bytes"


def test_fingerprints_stay_when_lines_move(tmp_path: Path) -> None:
    code = "import tensorflow as tf\nx = tf.log(1.0)\ny = tf.log(2.0)\n"
    before = of_tree(tree(tmp_path, a_py=code))
    after = of_tree(tree(tmp_path, a_py="\n# moved\n" + code))
    assert [f.fingerprint for f in before.findings] == [f.fingerprint for f in after.findings]
    assert [f.line for f in before.findings] != [f.line for f in after.findings]


@pytest.mark.parametrize("python2", ["", "print 1\n"])
def test_columns_count_characters(python2: str) -> None:
    text = f"import tensorflow as tf\n{python2}x = 'äöü€😀'; y = tf.log(1.0)\n"
    (use,) = scan_text(text).of("use")
    assert use.column == text.splitlines()[-1].index("tf.log") + 1


# ---- GitLab ----

ISSUES = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^[^./]"},
                    "lines": {"type": "object", "required": ["begin"]},
                },
            },
        },
    },
}


def test_gitlab_report(capsys: pytest.CaptureFixture[str]) -> None:
    issues = json.loads(printed(capsys, str(WHOLE), "--format", "gitlab"))
    jsonschema.validate(issues, ISSUES)
    prints = [issue["fingerprint"] for issue in issues]
    assert len(set(prints)) == len(prints)
    critical = {issue["check_name"] for issue in issues if issue["severity"] == "critical"}
    assert "tf.contrib.rnn.MultiRNNCell" in critical
    assert "tf.log" not in critical


# ---- exit codes and the baseline ----


@pytest.mark.parametrize(
    ("kind", "code"),
    [("gone", 1), ("with legacy Keras", 1), ("any", 1), ("unresolved", 0), ("internal", 0)],
)
def test_fail_on(capsys: pytest.CaptureFixture[str], kind: str, code: int) -> None:
    assert main(["scan", str(WHOLE), "--no-upgrade-script", "--fail-on", kind]) == code


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--fail-on", "old"], "error: --fail-on: expected one of unchanged, renamed"),
        (["--jobs", "0"], "error: --jobs: expected 1 or more, found 0"),
        (["--baseline", "none.json"], "error: --baseline 'none.json': expected a file that"),
        (["--baseline", str(WHOLE / "gan.py")], "found no JSON"),
        (["--out", "no/folder/x.json"], "error: --out"),
    ],
)
def test_an_unusable_flag_is_one_line(
    capsys: pytest.CaptureFixture[str], flags: list[str], error: str
) -> None:
    assert main(["scan", str(WHOLE), "--no-upgrade-script", *flags]) == 2
    written = capsys.readouterr().err
    assert error in written
    assert written.count("\n") == 1


def test_a_baseline_leaves_out_what_it_holds_and_nothing_new(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tree(tmp_path / "code", a_py="import tensorflow as tf\ntf.contrib.layers.flatten(1)\n")
    kept = str(tmp_path / "baseline.json")
    arguments = ["scan", str(folder), "--no-upgrade-script", "--fail-on", "gone"]
    assert main([*arguments, "--write-baseline", kept]) == 1
    assert main([*arguments, "--baseline", kept]) == 0
    assert "1 findings of the baseline are left out" in capsys.readouterr().err
    tree(tmp_path / "code", b_py="import tensorflow as tf\ntf.contrib.layers.flatten(1)\n")
    assert main([*arguments, "--baseline", kept]) == 1


# ---- the order to port in ----


def test_files_are_ported_after_those_that_they_import() -> None:
    order = of_tree(FILES / "local").order
    place = {path: index for index, group in enumerate(order) for path in group}
    for path in ("uses_common.py", "uses_module.py", "uses_object.py", "uses_wildcard.py"):
        assert place["common.py"] < place[path]
    assert ["circle_a.py", "circle_b.py"] in order


@pytest.mark.slow
def test_a_long_chain_of_imports_needs_no_deep_stack() -> None:
    chain: dict[str, set[str]] = {f"m{n}": {f"m{n + 1}"} for n in range(5_000)}
    chain["m5000"] = set()
    assert port_order(chain)[0] == ["m5000"]
    assert port_order(chain)[-1] == ["m0"]


def test_several_processes_find_the_same() -> None:
    alone, together = scan(FILES, jobs=1), scan(FILES, jobs=2)
    assert alone.findings == together.findings
    assert len(alone.findings) > 250


@pytest.mark.slow
def test_a_file_that_ends_its_process_is_named(tmp_path: Path) -> None:
    good = "import tensorflow as tf\ntf.zeros([1])\n"
    tree(tmp_path, **{f"m{n}_py": good for n in range(40)}, bad_py=good)
    paths = sorted(path.name for path in tmp_path.iterdir())
    outcomes = analyze_all(tmp_path, paths, 2, lambda done: None, CrashingAnalyzer)
    problems = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
    assert problems == [Problem("bad.py", "ends the process that parses it")]
    assert len(outcomes) == 41
