"""The directive `pair`: the two files of a pair side by side, with an explanation at each hunk."""

from __future__ import annotations

import html
from collections.abc import Iterator

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from pair_pages.generated import tests
from pair_pages.side_by_side import explanations, page_head
from pair_pages.side_by_side.hunks import Hunk, Stage, Stretch, stages
from pair_pages.side_by_side.places import FILE, MODEL, PROGRAM, places
from pair_pages.side_by_side.sources import sources
from pair_pages.side_by_side.tables import CodeTables
from shared.models import STYLES

# What stands around the labelled stages: no lesson in itself, and much the same in every pair.
AROUND = (FILE, MODEL, PROGRAM)
_REST = "What stands before and after: imports, settings, the head of the class, the program"


def in_reading_order(found: list[Stage]) -> list[Stage]:
    """Returns the labelled stages of a pair, then what stands around them."""
    return sorted(found, key=lambda stage: stage.name in AROUND)


class PairDirective(SphinxDirective):
    """Renders the pair named by its argument."""

    required_arguments = 1
    has_content = False

    def run(self) -> list[nodes.Node]:
        """Returns what is common and what was measured, then a section for each stage."""
        self.pair = self.arguments[0]
        left, right = sources(self.pair)
        self.texts = explanations.load()
        self.stages = in_reading_order(stages(left, right))
        self.tables = CodeTables(left, right)
        self.names = places(left)
        self.hunks = [hunk for stage in self.stages for hunk in stage.hunks]
        return [
            *self.parse_text_to_nodes(page_head.markdown(self.pair, self.stages, self.texts)),
            _raw(_toolbar(self.pair)),
            *self._sections(),
        ]

    def _sections(self) -> Iterator[nodes.section]:
        """Yields a section for each stage; what stands around them is one, at the end, folded."""
        sections = [(stage, self._section(stage)) for stage in self.stages]
        around = [section for stage, section in sections if stage.name in AROUND]
        is_all = len(around) == len(sections)
        yield from (section for stage, section in sections if is_all or stage.name not in AROUND)
        if around and not is_all:
            rest = self._titled("rest", "The rest of the file")
            rest += _raw(f'<details class="rest"><summary>{_REST}</summary>')
            rest += around
            rest += _raw("</details>")
            yield rest

    def _section(self, stage: Stage) -> nodes.section:
        text = self.texts.get(stage.name)
        title = text.title if text else stage.name.capitalize()
        section = self._titled(stage.name.lower(), title, "stage")
        if text:
            section += self.parse_text_to_nodes(text.summary)
        section += _raw(_stage_buttons(title))
        for part in stage.parts:
            section += self._hunk(part) if isinstance(part, Hunk) else self._stretch(part)
        return section

    def _titled(self, name: str, title: str, css_class: str = "") -> nodes.section:
        section = nodes.section(ids=[name], names=[title.lower()], classes=css_class.split())
        self.state.document.note_implicit_target(section, section)
        section += nodes.title(title, title)
        return section

    def _stretch(self, stretch: Stretch) -> nodes.raw:
        found = (self.names[row.left.number].name for row in stretch.rows if row.left)
        names = [name for name in dict.fromkeys(found) if name and name.isidentifier()]
        return _raw(self.tables.stretch(stretch, names))

    def _hunk(self, hunk: Hunk) -> nodes.container:
        number = self.hunks.index(hunk) + 1
        box = nodes.container(classes=["hunk"], ids=[f"difference-{number}"])
        box += _raw(self.tables.hunk(hunk, f"difference {number}: {hunk.place.name}"))
        beside = nodes.container(classes=["explanation"])
        beside += _raw(_position(number, len(self.hunks)))
        for each in explanations.fitting(self.texts.values(), self.pair, hunk):
            beside += nodes.rubric(
                each.title, "", *self._inline(each.title), **{"heading-level": 3}
            )
            beside += self.parse_text_to_nodes(each.text)
            beside += self._links(each)
        box += beside
        return box

    def _inline(self, text: str) -> list[nodes.Node]:
        return self.parse_inline(text)[0]

    def _links(self, explanation: explanations.Explanation) -> Iterator[nodes.Node]:
        lines = []
        for label, links in {
            "Concept": [f"{{doc}}`/concepts/{name}`" for name in self._concepts(explanation)],
            "Pitfall": [f"{{ref}}`{n} <pitfall-{n}>`" for n in explanation.pitfalls],
            "Held by": [
                f"{{ref}}`{tests.name(test)} <{tests.label(test)}>`" for test in explanation.tests
            ],
        }.items():
            if links:
                lines.append(f"{label}: {', '.join(links)}")
        if lines:
            links_box = nodes.container(classes=["links"])
            links_box += self.parse_text_to_nodes("\\\n".join(lines))
            yield links_box

    def _concepts(self, explanation: explanations.Explanation) -> list[str]:
        # A wrong name is an error as soon as there are pages of concepts.
        has_pages = any(name.startswith("concepts/") for name in self.env.found_docs)
        return list(explanation.concepts) if has_pages else []


def _raw(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


def _toolbar(pair: str) -> str:
    heads = "".join(
        f'<div class="head {side}"><strong>TensorFlow {number}</strong> '
        f"<code>{style}/{html.escape(pair)}.py</code> "
        f'<button type="button" class="copy" data-side="{side}" data-scope="file">'
        f'Copy<span class="sr-only"> the TensorFlow {number} file</span></button></div>'
        for side, number, style in zip(("tf1", "tf2"), (1, 2), STYLES, strict=True)
    )
    fold = (
        '<div class="fold"><button type="button" class="fold-all" aria-pressed="false">'
        "Unfold common lines</button></div>"
    )
    return f'<div class="pair-toolbar" role="group" aria-label="Files">{heads}{fold}</div>'


def _stage_buttons(title: str) -> str:
    buttons = "".join(
        f'<button type="button" class="copy" data-side="{side}" data-scope="stage">'
        f'Copy TF{number}<span class="sr-only"> of stage {html.escape(title)}</span></button>'
        for side, number in (("tf1", 1), ("tf2", 2))
    )
    return f'<div class="stage-buttons">{buttons}</div>'


def _position(number: int, count: int) -> str:
    links = [
        f'<a href="#difference-{to}" aria-label="{which} difference">{arrow}</a>'
        for to, which, arrow in (
            (number - 1, "previous", "&lsaquo;"),
            (number + 1, "next", "&rsaquo;"),
        )
        if 1 <= to <= count
    ]
    here = f'<a href="#difference-{number}">Difference {number} of {count}</a>'
    return f'<p class="position">{here} <span>{" ".join(links)}</span></p>'
