"""The HTML page of `pairs scan`, opened from its file."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from visits import PHONE, sideways, visit

from shared.tools.commands import main

pytestmark = pytest.mark.browser
CODE = Path(__file__).resolve().parents[1] / "files" / "scan"
NASTY = "a'b\"<script>alert(1)</script>.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page of the whole corpus and of a file with a hostile name."""
    folder = tmp_path_factory.mktemp("scan")
    nasty = folder / "nasty" / NASTY.replace("/", "\u2215")
    nasty.parent.mkdir()
    nasty.write_text("import tensorflow as tf\ngetattr(tf, '<img src=x onerror=alert(1)>')\n")
    for name, path in {"corpus": CODE, "nasty": nasty.parent}.items():
        page = str(folder / f"{name}.html")
        assert main(["scan", str(path), "--format", "html", "--out", page]) == 0
    return folder


def shown(page: Page) -> list[str]:
    return page.locator("details.symbol:visible > summary code").all_inner_texts()


def test_the_filter_narrows_by_text_kind_and_file(browser: Browser, folder: Path) -> None:
    with visit(browser, "corpus.html", folder.as_uri()) as page:
        everything = len(shown(page))
        assert everything > 130
        page.get_by_label("Show entries with").fill("layers.dense")
        assert "tf.layers.dense" in shown(page)
        assert len(shown(page)) < 10
        page.get_by_label("of kind").select_option("gone")
        assert "tf.layers.dense" not in shown(page)
        page.get_by_label("Show entries with").fill("")
        page.get_by_label("of kind").select_option("")
        page.locator("#filter-file").select_option("whole/queues.py")
        assert sorted(shown(page)) == [
            "tf.train.Coordinator",
            "tf.train.Coordinator.request_stop",
            "tf.train.start_queue_runners",
            "tf.train.string_input_producer",
        ]
        assert page.locator("#filter-count").inner_text() == "4 entries, 4 places"


def test_an_entry_opens_and_shows_what_to_write(browser: Browser, folder: Path) -> None:
    with visit(browser, "corpus.html", folder.as_uri()) as page:
        entry = page.locator("details.symbol", has_text="tf.log").first
        entry.locator("summary").click()
        assert entry.locator(".write").is_visible()
        assert "tf.math.log" in entry.locator(".write").inner_text()


def test_hostile_names_are_text(browser: Browser, folder: Path) -> None:
    with visit(browser, "nasty.html", folder.as_uri()) as page:
        assert page.locator("script").count() == 1
        assert page.locator("img").count() == 0
        assert "<script>alert(1)" in page.locator("main").inner_text()


def test_it_fits_a_phone(browser: Browser, folder: Path) -> None:
    with visit(browser, "corpus.html", folder.as_uri(), viewport=PHONE) as page:
        page.evaluate("document.querySelectorAll('details').forEach((e) => e.open = true)")
        assert sideways(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_and_roles(browser: Browser, folder: Path, theme: str) -> None:
    with visit(browser, "corpus.html", folder.as_uri(), color_scheme=theme) as page:
        page.evaluate("document.querySelectorAll('details').forEach((e) => e.open = true)")
        violations = Axe().run(page, options={"preload": False}).response["violations"]
        assert [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in violations] == []
