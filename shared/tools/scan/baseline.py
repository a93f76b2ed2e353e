"""A baseline: what a project had when it was written, so that only what is new counts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from shared.errors import UsageError
from shared.tools.scan.project import Finding, Scan

_FORM = "pairs-scan-baseline"


def as_text(scan: Scan) -> str:
    """Returns the baseline of a scan, sorted, for a repository to keep."""
    table = {
        "format": _FORM,
        "format_version": 1,
        "findings": sorted({f.fingerprint for f in _counted(scan.findings)}),
    }
    return json.dumps(table, indent=1) + "\n"


def read(path: Path) -> frozenset[str]:
    """Returns the fingerprints of a baseline.

    Raises:
        UsageError: the file is missing or no baseline.
    """
    expected = f"--baseline {str(path)!r}: expected a file that --write-baseline wrote, found "
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{expected}none: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{expected}no JSON") from error
    if not isinstance(table, dict) or table.get("format") != _FORM:
        raise UsageError(f"{expected}other JSON")
    findings = table.get("findings")
    if table.get("format_version") != 1 or not isinstance(findings, list):
        raise UsageError(f"{expected}one of another version")
    return frozenset(map(str, findings))


def without(scan: Scan, known: frozenset[str]) -> int:
    """Removes from a scan what a baseline holds; returns how many findings that were."""
    before = len(scan.findings)
    scan.findings = [finding for finding in scan.findings if finding.fingerprint not in known]
    return before - len(scan.findings)


def _counted(findings: Iterable[Finding]) -> Iterable[Finding]:
    return (finding for finding in findings if finding.kind != "unchanged")
