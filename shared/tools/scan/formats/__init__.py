"""The forms in which a scan is given out."""

from __future__ import annotations

from shared.tools.scan.formats import gitlab, html_page, json_report, sarif, terminal
from shared.tools.scan.project import Scan

FORMATS = {
    "text": terminal.text,
    "json": json_report.text,
    "html": html_page.text,
    "sarif": sarif.text,
    "gitlab": gitlab.text,
}


def text(scan: Scan, form: str) -> str:
    """Returns a scan as one of `FORMATS`, ending with a line break."""
    return FORMATS[form](scan)
