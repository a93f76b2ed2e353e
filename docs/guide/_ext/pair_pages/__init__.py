"""The Sphinx extension of the guide: pages made from the pairs and from what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.errors import ExtensionError

from pair_pages import generated, links
from pair_pages.numbers import measured
from pair_pages.side_by_side import directive
from shared.errors import SuiteError


def setup(app: Any) -> dict[str, Any]:
    """Registers the directive, the measurements and the generated parts of pages with Sphinx."""
    app.add_directive("pair", directive.PairDirective)
    app.connect("builder-inited", _measure)
    app.connect("source-read", _fill_in)
    app.connect("env-get-outdated", _generated_pages)
    app.connect("html-page-context", _give_captions_a_level, priority=900)  # after the theme
    app.connect("build-finished", _list_links)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _measure(app: Any) -> None:
    try:
        measured.measure_all()
    except SuiteError as error:
        raise ExtensionError(str(error)) from error


def _fill_in(app: Any, name: str, content: list[str]) -> None:
    try:
        content[0] = generated.fill_in(content[0])
    except (SuiteError, KeyError) as error:
        raise ExtensionError(f"{name}: {error}") from error


def _give_captions_a_level(
    app: Any, page: str, template: str, context: dict[str, Any], tree: Any
) -> None:
    """The captions beside every page say that they are headings, but not of which level."""
    if navigation := context.get("furo_navigation_tree"):
        heading = 'role="heading"'
        context["furo_navigation_tree"] = navigation.replace(heading, f'{heading} aria-level="2"')


def _list_links(app: Any, error: Exception | None) -> None:
    if error is None:
        links.write_list(Path(app.outdir))


def _generated_pages(app: Any, env: Any, *_: Any) -> Any:
    """All pages are read anew: what they are generated from is no file that Sphinx watches."""
    return env.found_docs
