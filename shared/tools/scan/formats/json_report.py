"""A scan as JSON, in the form that `docs/scan.md` describes."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from shared.tools.scan.behaviours import behaviours
from shared.tools.scan.effort import MINUTES
from shared.tools.scan.project import Finding, Scan
from shared.tools.scan.verdicts import KINDS

VERSION = 1  # grows when a member changes its meaning or goes; new members may come without


def text(scan: Scan) -> str:
    """Returns the report as indented JSON."""
    return json.dumps(report(scan), indent=1) + "\n"


def report(scan: Scan) -> dict[str, Any]:
    """Returns the report as JSON can hold it."""
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
        "findings": [_finding(finding) for finding in scan.findings],
        "not_scanned": [asdict(problem) for problem in scan.problems],
        "not_python_3": scan.tolerant,
        "port_order": scan.order,
        "idioms": [asdict(idiom) for idiom in scan.idioms],
        "tf_upgrade_v2": _upgrade(scan),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return asdict(finding)


def _upgrade(scan: Scan) -> dict[str, Any] | None:
    found = scan.upgrade
    if found is None:
        return None
    table = asdict(found)
    table["numbers"] = [
        {"place": use.place, "symbol": use.name, "writes": text, "why": why}
        for use, text, why in found.numbers
    ]
    return table
