"""The links of the built pages: those that lead out are listed, those within must arrive."""

from __future__ import annotations

import html.parser
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

LIST = "external-links.txt"  # beside the pages
_HOST = re.compile(r"([a-z0-9-]+\.)+[a-z]{2,}", re.IGNORECASE)


class Links(html.parser.HTMLParser):
    """Where a page links to, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        """Reads the text of a page."""
        super().__init__()
        self.hrefs: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Notes an anchor and the target of a link."""
        found = dict(attributes)
        self.anchors |= {value for key in ("id", "name") if (value := found.get(key))}
        if tag == "a" and (href := found.get("href")):
            self.hrefs.add(href)


def read(site: Path) -> dict[Path, Links]:
    """Reads every page of a site."""
    return {path: Links(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}


def external(pages: dict[Path, Links]) -> list[str]:
    """Returns the addresses of other hosts that the pages link to, sorted."""
    return sorted({href for page in pages.values() for href in page.hrefs if "://" in href})


def malformed(address: str) -> bool:
    """Whether an address cannot be right: no network is asked."""
    parts = urlsplit(address)
    return (
        parts.scheme not in ("http", "https")
        or not _HOST.fullmatch(parts.netloc)
        or any(character.isspace() or character in "<>\"'`" for character in address)
    )


def broken(pages: dict[Path, Links]) -> list[str]:
    """Returns the links within the site that lead to no page, file or anchor."""
    return [
        f"{path.name}: {href}"
        for path, page in pages.items()
        for href in sorted(page.hrefs)
        if "://" not in href and not href.startswith("mailto:") and not _arrives(href, path, pages)
    ]


def _arrives(href: str, path: Path, pages: dict[Path, Links]) -> bool:
    file, _, anchor = href.partition("#")
    target = (path.parent / unquote(file.partition("?")[0])).resolve() if file else path
    if target not in pages:
        return target.is_file() and not anchor
    return not anchor or unquote(anchor) in pages[target].anchors


def write_list(site: Path) -> None:
    """Writes the addresses of other hosts beside the pages, one a line."""
    text = "".join(f"{address}\n" for address in external(read(site)))
    (site / LIST).write_text(text, encoding="utf-8")
