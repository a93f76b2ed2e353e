"""A scan as JSON, in the form that `docs/scan.md` describes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

from shared.tools.scan.behaviours import behaviours
from shared.tools.scan.effort import MINUTES
from shared.tools.scan.formats import streaming
from shared.tools.scan.project import Finding, Scan
from shared.tools.scan.verdicts import KINDS

_MEMBERS = [field.name for field in fields(Finding)]
VERSION = 1  # grows when a member changes its meaning or goes; new members may come without


def pieces(scan: Scan) -> Iterator[str]:
    """Yields the report as JSON, a finding on each line."""
    return streaming.pieces(_report(scan), map(_finding, scan.findings))


def _report(scan: Scan) -> dict[str, Any]:
    return {
        "format": "pairs-scan",
        "format_version": VERSION,
        "path": scan.root,
        "tensorflow": scan.version,
        "totals": {
            "files": scan.files,
            "files_using_tensorflow": scan.using,
            "files_not_scanned": len(scan.problems),
            "files_ignored": scan.ignored,
            "lines": scan.lines,
            "by_kind": scan.totals(),
            "behaviours": len(scan.of("behaviour")),
            "share_resolved": round(scan.share_resolved, 4),
            "minutes": round(scan.minutes, 1),
        },
        "kinds": KINDS,
        "effort_rule": {kind: list(pair) for kind, pair in MINUTES.items()},
        "symbols": {
            name: {key: value for key, value in asdict(verdict).items() if key != "symbol"}
            for name, verdict in sorted(scan.verdicts.items())
        },
        "behaviours": {
            name: {key: value for key, value in asdict(meant).items() if key != "name"}
            for name, meant in behaviours().items()
        },
        "findings": streaming.here(),
        "not_scanned": [asdict(problem) for problem in scan.problems],
        "not_python_3": scan.tolerant,
        "port_order": scan.order,
        "idioms": [asdict(idiom) for idiom in scan.idioms],
        "tf_upgrade_v2": _upgrade(scan),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {name: getattr(finding, name) for name in _MEMBERS}


def _upgrade(scan: Scan) -> dict[str, Any] | None:
    found = scan.upgrade
    if found is None:
        return None
    table = {field.name: getattr(found, field.name) for field in fields(found)}
    table["numbers"] = [
        {"place": use.place, "symbol": use.name, "writes": text, "why": why}
        for use, text, why in found.numbers
    ]
    return table
