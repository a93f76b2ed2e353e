"""What is special about a page of a pair: aligned rows, folding, copying, keyboard and paper."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from visits import PAIRS, PHONE, misaligned, unfold, visit

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
PAGE = "pairs/softmax_regression.html"
LADDER = "ladder/rung-5-native.html"


@pytest.mark.parametrize("page", [*PAIRS, LADDER])
def test_rows_match_to_the_pixel(browser: Browser, page: str) -> None:
    with visit(browser, page) as opened:
        unfold(opened)
        assert opened.locator("table.side-by-side tbody tr").count() >= 15
        for width in (1000, 1440, 1920):
            opened.set_viewport_size({"width": width, "height": 900})
            assert opened.evaluate("innerWidth") == width
            assert misaligned(opened) == [], width


def test_a_row_that_does_not_match_is_caught(browser: Browser) -> None:
    with visit(browser, PAGE) as page:
        page.add_style_tag(content="tr:nth-child(3) td.tf2 { position: relative; top: 1px }")
        assert misaligned(page)


def test_on_a_wide_screen_the_explanation_stands_beside_its_difference(browser: Browser) -> None:
    with visit(browser, PAGE, viewport={"width": 1920, "height": 1000}) as page:
        code = page.locator("#difference-9 table").bounding_box()
        text = page.locator("#difference-9 .explanation").bounding_box()
        assert code and text
        assert text["x"] >= code["x"] + code["width"]
        assert abs(text["y"] - code["y"]) <= 1


def test_on_a_phone_the_two_sides_interleave(browser: Browser) -> None:
    with visit(browser, PAGE, viewport=PHONE) as page:
        for body in page.locator("#update tbody.differs").all():
            left, right = (
                [
                    box["y"]
                    for cell in body.locator(f"td.code.{side}:not(.pad)").all()
                    if (box := cell.bounding_box())
                ]
                for side in ("tf1", "tf2")
            )
            assert left or right
            assert not (left and right) or max(left) < min(right)
        common = page.locator("#update tbody.common td.code.tf2").first
        assert not common.is_visible()  # a line that both have is shown once


# ---- folding ----


def test_folding_by_mouse_by_keyboard_and_all_at_once(browser: Browser) -> None:
    with visit(browser, PAGE) as page:
        details = page.locator(".stage details")
        count = details.count()
        assert count > 5
        assert page.locator(".stage details[open]").count() == 0
        details.nth(0).locator("summary").click()
        details.nth(1).locator("summary").focus()
        page.keyboard.press("Enter")
        assert page.locator(".stage details[open]").count() == 2
        everything = page.get_by_role("button", name="Unfold common lines")
        everything.click()
        assert page.locator(".stage details[open]").count() == count
        assert everything.get_attribute("aria-pressed") == "true"
        everything.click()
        assert page.locator(".stage details[open]").count() == 0


def test_a_link_to_a_line_unfolds_it(browser: Browser) -> None:
    with visit(browser, PAGE) as page:
        anchor = page.locator("details td.number.tf2").last.get_attribute("id")
    with visit(browser, f"{PAGE}#{anchor}") as page:
        page.locator(f"#{anchor}").wait_for(state="visible")
        page.wait_for_function(
            f"document.getElementById('{anchor}').getBoundingClientRect().bottom < innerHeight"
        )


def test_every_stage_and_line_has_its_link(browser: Browser) -> None:
    with visit(browser, PAGE) as page:
        for style, side in (("tf1_style", "tf1"), ("tf2_style", "tf2")):
            lines = len((ROOT / style / "softmax_regression.py").read_text().splitlines())
            hrefs = [f"#{side}-L{number}" for number in range(1, lines + 1)]
            links = page.locator(f"td.number.{side} a")
            found = links.evaluate_all("all => all.map((a) => a.getAttribute('href'))")
            assert sorted(found) == sorted(hrefs)
        assert page.locator("section.stage > :is(h2, h3) a.headerlink").count() == 13


# ---- the order of a page ----


def test_a_page_begins_with_the_inputs_and_folds_what_stands_around_the_stages(
    browser: Browser,
) -> None:
    with visit(browser, PAGE) as page:
        titles = page.locator("section.stage > h2, #rest > h2").all_inner_texts()
        assert [title.rstrip("¶#") for title in (titles[0], titles[-1])] == [
            "Inputs",
            "The rest of the file",
        ]
        around = page.locator("details.rest section.stage > h3")
        assert around.count() == 3
        assert not around.first.is_visible()
        page.locator("details.rest > summary").click()
        assert around.first.is_visible()
        first = page.locator("section.stage").first
        assert first.locator("td.number.tf1").first.inner_text() != "1"


def test_a_link_into_the_folded_rest_opens_both_folds(browser: Browser) -> None:
    with visit(browser, PAGE) as page:
        line = page.locator("details.rest details td.number.tf1").last.get_attribute("id")
        assert not page.locator(f"#{line}").is_visible()
        page.goto(f"{page.url}#{line}")
        page.wait_for_function(f"document.getElementById('{line}').checkVisibility()")


# ---- copying ----


def copied(page: Page) -> str:
    page.wait_for_timeout(50)
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def test_a_copied_file_is_the_file(browser: Browser, address: str) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    with visit(browser, PAGE, address, permissions=permissions) as page:
        for number, style in ((1, "tf1_style"), (2, "tf2_style")):
            page.get_by_role("button", name=f"the TensorFlow {number} file").click()
            assert copied(page) == (ROOT / style / "softmax_regression.py").read_text()


def test_a_copied_stage_is_clean_code(browser: Browser, address: str) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    with visit(browser, PAGE, address, permissions=permissions) as page:
        page.get_by_role("button", name="Copy TF2 of stage Update").press("Enter")
        source = (ROOT / "tf2_style" / "softmax_regression.py").read_text()
        start = source.index("    # ---- UPDATE")
        assert copied(page) == source[start : source.index("    # ---- METRICS")]


def test_copying_works_from_a_folder(browser: Browser) -> None:
    with visit(browser, PAGE) as page:
        # A file may not read the clipboard, so the text is pasted.
        page.get_by_role("button", name="the TensorFlow 2 file").click()
        page.get_by_role("button", name="Copied").wait_for()
        page.get_by_role("textbox", name="Search").focus()
        page.keyboard.press("Control+V")
        pasted = page.get_by_role("textbox", name="Search").input_value()
        assert pasted.startswith('"""Softmax regression')


# ---- keyboard ----


def test_the_keyboard_reaches_everything_and_shows_where_it_is(browser: Browser) -> None:
    with visit(browser, PAGE) as page:
        wanted, reached, unmarked = page.evaluate(
            """() => {
                const can = "a[href], button, summary, input:not([type=hidden]), [tabindex='0']";
                window.wanted = [...document.querySelectorAll(can)].filter((e) =>
                    e.checkVisibility({checkVisibilityCSS: true}) && e.getClientRects().length
                    && e.tabIndex >= 0);
                return [window.wanted.length, 0, 0];
            }"""
        )
        page.evaluate("window.reached = new Set(); window.unmarked = []")
        for _ in range(wanted + 5):
            page.keyboard.press("Tab")
            page.evaluate(
                """() => {
                    const e = document.activeElement;
                    window.reached.add(e);
                    const style = getComputedStyle(e);
                    if (e !== document.body && style.outlineStyle === "none"
                        && style.boxShadow === "none" && !e.matches(".sidebar-search"))
                        window.unmarked.push(e.outerHTML.slice(0, 100));
                }"""
            )
        reached, unmarked = page.evaluate(
            """[
                window.wanted.filter((e) => !window.reached.has(e)).map((e) => e.outerHTML),
                window.unmarked,
            ]"""
        )
        assert wanted > 100
        assert reached == []
        assert unmarked == []


# ---- paper ----


def test_on_paper_all_code_is_there_and_no_button(browser: Browser) -> None:
    with visit(browser, PAGE) as page:
        page.emulate_media(media="print")
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert not page.locator(".sidebar-drawer").is_visible()
        assert page.locator("button:visible").count() == 0
        assert page.locator("details td.number.tf1").first.is_visible()
        assert page.locator("#difference-9 .explanation").is_visible()
        assert page.pdf().startswith(b"%PDF")
