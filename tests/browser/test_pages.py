"""Every page of the guide, opened from its file."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from visits import PAGES, PHONE, SITE, foreign, sideways, unfold, visit

pytestmark = pytest.mark.browser

# One page of each kind is enough for contrast and roles.
KINDS = [
    "index.html",
    "pairs/relu_regression.html",
    "pitfalls.html",
    "ladder/index.html",
    "ladder/rung-5-native.html",
    "own-model.html",
    "reference/parity.html",
    "tests.html",
    "search.html",
]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_by_itself_and_fits_a_phone(browser: Browser, page: str) -> None:
    with visit(browser, page, viewport=PHONE) as opened:
        assert opened.title()
        unfold(opened)
        assert sideways(opened) == []


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong; contrast and roles are among its rules."""
    options = {"preload": False}  # it would read style sheets again, which a file may not
    found = Axe().run(page, options=options).response["violations"]
    return [f"{each['id']}: {node['html'][:120]}" for each in found for node in each["nodes"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", KINDS)
def test_contrast_and_roles(browser: Browser, page: str, theme: str) -> None:
    with visit(browser, page, color_scheme=theme) as opened:
        assert violations(opened) == []


def test_search_finds_a_page_from_a_folder_with_the_keyboard_alone(browser: Browser) -> None:
    with visit(browser, "index.html") as page:
        page.get_by_role("textbox", name="Search").focus()
        page.keyboard.type("get_variable")
        page.keyboard.press("Enter")
        first = page.locator("#search-results li a").first
        first.wait_for()
        assert "get_variable" in page.url
        page.locator("#search-results li", has_text="Softmax regression").first.wait_for()
        first.focus()
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "search.html" not in url)


# ---- the checks catch what they are for ----


def test_a_wide_element_is_caught(browser: Browser) -> None:
    with visit(browser, "index.html", viewport=PHONE) as page:
        page.evaluate("document.querySelector('h1').style.width = '500px'")
        assert any(found.startswith("H1") for found in sideways(page))


def test_pale_text_is_caught(browser: Browser) -> None:
    with visit(browser, "index.html") as page:
        page.add_style_tag(content="p { color: #ccc !important; background: #fff !important }")
        assert any(found.startswith("color-contrast") for found in violations(page))


def test_an_error_in_the_console_is_caught(browser: Browser) -> None:
    with (
        pytest.raises(AssertionError, match="broken"),
        visit(browser, "index.html") as page,
    ):
        page.evaluate("console.error('broken')")


def test_a_request_to_another_host_is_caught() -> None:
    base = SITE.as_uri()
    assert foreign("https://fonts.example/x.woff", base) == [
        "asked for https://fonts.example/x.woff"
    ]
    assert foreign(f"{base}/_static/guide.css", base) == []
