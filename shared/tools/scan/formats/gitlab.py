"""A scan as GitLab's code quality report: a list of issues, a subset of Code Climate's form."""

from __future__ import annotations

from collections.abc import Iterator

from shared.tools.scan.formats import streaming
from shared.tools.scan.formats.sarif import message, rule_id
from shared.tools.scan.project import Scan

SEVERITIES = {
    "renamed": "minor",
    "numbers change": "major",
    "behaviour changes": "major",
    "with legacy Keras": "major",
    "internal": "major",
    "gone": "critical",
    "unresolved": "info",
}


def pieces(scan: Scan) -> Iterator[str]:
    """Yields the report; uses that stay as they are are left out."""
    issues = (
        {
            "description": message(scan, finding),
            "check_name": rule_id(finding),
            "fingerprint": finding.fingerprint,
            "severity": SEVERITIES[finding.kind],
            "location": {"path": finding.path, "lines": {"begin": finding.line}},
        }
        for finding in scan.findings
        if finding.kind != "unchanged"
    )
    return streaming.pieces(streaming.here(), issues)
