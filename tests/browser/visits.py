"""Opening pages of the guide, and what can be wrong with an open page."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

SITE = Path(__file__).resolve().parents[2] / "build" / "guide"
PAGES = sorted(str(path.relative_to(SITE)) for path in SITE.rglob("*.html")) or ["index.html"]
PAIRS = [page for page in PAGES if page.startswith("pairs/")] or ["pairs/cnn.html"]
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@contextlib.contextmanager
def visit(browser: Browser, page: str, base: str = SITE.as_uri(), **options: Any) -> Iterator[Page]:
    """Opens a page in a context of its own, from its file unless `base` says otherwise.

    Raises:
        AssertionError: the page wrote an error to the console, or asked another host for something.
    """
    context = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
    opened = context.new_page()
    problems: list[str] = []
    opened.on("console", lambda m: problems.append(m.text) if m.type != "log" else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("requestfailed", lambda request: problems.append(f"failed: {request.url}"))
    opened.on("request", lambda request: problems.extend(foreign(request.url, base)))
    opened.goto(f"{base}/{page}")
    yield opened
    context.close()
    assert not problems, problems


def foreign(url: str, base: str) -> list[str]:
    is_own = url.startswith((base, "data:", "blob:"))
    return [] if is_own else [f"asked for {url}"]


def sideways(page: Page) -> list[str]:
    """What is wider than the screen, or scrolls sideways in a box of its own."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("html, .content, .content *")]
            .filter((e) => e.checkVisibility() && !e.closest("td.label") && (  // cut off on purpose
                e.getBoundingClientRect().right > innerWidth + 1
                || (e.scrollWidth > e.clientWidth + 1 && (e === document.documentElement
                    || ["auto", "scroll"].includes(getComputedStyle(e).overflowX)))))
            .map((e) => `${e.tagName} ${e.className}: ${e.scrollWidth} in ${e.clientWidth}`)"""
    )
    return found


def misaligned(page: Page) -> list[str]:
    """Rows whose two sides differ in top or height, and columns that differ between tables."""
    found: list[str] = page.evaluate(
        """() => {
            const wrong = [];
            const lefts = new Map();
            for (const row of document.querySelectorAll("table.side-by-side tbody tr")) {
                const boxes = [...row.cells].map((cell) => cell.getBoundingClientRect());
                if (boxes.length !== 4) wrong.push(`${boxes.length} cells`);
                for (const box of boxes)
                    if (box.top !== boxes[0].top || box.height !== boxes[0].height)
                        wrong.push(`${row.innerText}: ${box.top} and ${boxes[0].top}`);
                boxes.forEach((box, column) => {
                    if (!lefts.has(column)) lefts.set(column, box.left);
                    if (Math.abs(box.left - lefts.get(column)) > 0.01)
                        wrong.push(`${row.innerText}: column ${column} begins at ${box.left}`);
                });
            }
            return wrong;
        }"""
    )
    return found


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
