"""A scan as SARIF 2.1.0, the form in which code hosts show findings at their lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from shared.tools.scan.behaviours import behaviours
from shared.tools.scan.formats import streaming
from shared.tools.scan.project import Finding, Scan

LEVELS = {
    "unchanged": "none",
    "renamed": "note",
    "numbers change": "warning",
    "behaviour changes": "warning",
    "with legacy Keras": "warning",
    "internal": "warning",
    "gone": "error",
    "unresolved": "note",
}


def pieces(scan: Scan) -> Iterator[str]:
    """Yields the report; uses that stay as they are are left out.

    A file that was not scanned is a notification of the run.
    """
    found = [finding for finding in scan.findings if finding.kind != "unchanged"]
    rules = dict(sorted((rule_id(finding), _rule(scan, finding)) for finding in reversed(found)))
    places = {name: index for index, name in enumerate(rules)}
    run = {
        "tool": {"driver": {"name": "pairs scan", "rules": list(rules.values())}},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "the scanned path"}}},
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": list(_notifications(scan)),
            }
        ],
        "results": streaming.here(),
    }
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return streaming.pieces(log, (_result(scan, finding, places) for finding in found))


def rule_id(finding: Finding) -> str:
    """Returns the rule that a finding breaks: one for each symbol and each behaviour."""
    if finding.what == "unresolved":
        return "unresolved"
    return finding.name


def message(scan: Scan, finding: Finding) -> str:
    """Returns a finding in a sentence or two."""
    if finding.what == "unresolved":
        likely = f"; likely {finding.name}" if finding.name else ""
        return f"{finding.written} is not resolved: {finding.message}{likely}."
    if finding.what == "behaviour":
        meant = behaviours()[finding.name]
        return f"{meant.title[0].upper()}{meant.title[1:]}. {meant.change}"
    verdict = scan.verdicts[finding.name]
    write = f" Write: {verdict.write}" if verdict.write else ""
    return f"{finding.name}: {verdict.kind} ({verdict.summary}). {verdict.change}{write}".strip()


def _rule(scan: Scan, finding: Finding) -> dict[str, Any]:
    if finding.what == "unresolved":
        short = "A use of TensorFlow whose symbol the text of the program does not tell"
    elif finding.what == "behaviour":
        short = finding.message
    else:
        short = f"{finding.name}: {scan.verdicts[finding.name].summary}"
    return {
        "id": rule_id(finding),
        "shortDescription": {"text": short},
        "defaultConfiguration": {"level": LEVELS[finding.kind]},
        "properties": {"tags": [finding.kind]},
    }


def _result(scan: Scan, finding: Finding, places: dict[str, int]) -> dict[str, Any]:
    region = {"startLine": finding.line, "startColumn": finding.column}
    location: dict[str, Any] = {"physicalLocation": {"artifactLocation": _artifact(finding.path)}}
    if finding.cell is None:
        location["physicalLocation"]["region"] = region
    else:  # a line of a cell is no line of the file
        text = f"cell {finding.cell}, line {finding.line}"
        location["logicalLocations"] = [{"fullyQualifiedName": text, "kind": "member"}]
    return {
        "ruleId": rule_id(finding),
        "ruleIndex": places[rule_id(finding)],
        "level": LEVELS[finding.kind],
        "message": {"text": message(scan, finding)},
        "locations": [location],
        "partialFingerprints": {"pairsScan/v1": finding.fingerprint},
    }


def _artifact(path: str) -> dict[str, str]:
    return {"uri": quote(path, errors="surrogateescape"), "uriBaseId": "SRCROOT"}


def _notifications(scan: Scan) -> Iterator[dict[str, Any]]:
    for problem in scan.problems:
        yield {
            "level": "warning",
            "message": {"text": f"not scanned: {problem.reason}"},
            "locations": [{"physicalLocation": {"artifactLocation": _artifact(problem.path)}}],
        }
