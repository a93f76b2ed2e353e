"""The forms in which a scan is given out."""

from __future__ import annotations

from collections.abc import Iterator

from shared.tools.scan.formats import gitlab, html_page, json_report, sarif, terminal
from shared.tools.scan.project import Scan

FORMATS = {
    "text": terminal.pieces,
    "json": json_report.pieces,
    "html": html_page.pieces,
    "sarif": sarif.pieces,
    "gitlab": gitlab.pieces,
}


def pieces(scan: Scan, form: str) -> Iterator[str]:
    """Yields a scan as one of `FORMATS`, piece by piece."""
    return FORMATS[form](scan)
