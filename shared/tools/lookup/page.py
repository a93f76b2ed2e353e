"""The guide's symbol index, as MyST Markdown."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from shared.tools.lookup.generated import answer
from shared.tools.lookup.index import KINDS, Symbol, anchor, symbols
from shared.tools.lookup.known_names import everyday, recorded_versions, what_it_is
from shared.tools.lookup.pair_lines import PairLine, by_stage, pair_lines
from shared.tools.lookup.states import state

_USES = Path(__file__).with_name("uses.json")
_PAIR_PAGES = Path(__file__).resolve().parents[3] / "docs" / "guide" / "pairs"
_SCRIPT = Path(__file__).with_name("symbol_filter.js")

_TEXT = """\
# TensorFlow 1 symbols

What became of each, and what the installed TensorFlow {version} says when the old name is tried;
that was done when this page was built. In a terminal, `pairs lookup tf.placeholder` shows the same.
Here are all symbols that the pairs use, and the most used others: counted in the {files:,} files of
{packages} published TensorFlow 1 packages that use TensorFlow. Of the others of {public:,} public
names of TensorFlow 1.15 there is {{ref}}`a table <other-symbols>` at the end.

"""

_OTHERS = """\
(other-symbols)=

## Other names

Their state was found by trying them in TensorFlow {version}, with legacy Keras too. Names below
`tf.contrib` that are gone and `tf.raw_ops` are left out: `pairs lookup` knows those as well.

"""

_FILTER = """\
<form class="symbol-filter" role="search" aria-label="Symbols" onsubmit="return false">
<label>Show symbols with <input type="search" id="symbol-filter" autocomplete="off"></label>
<label>of kind <select id="symbol-kind"><option value="">any</option>{options}</select></label>
<output id="symbol-count" for="symbol-filter symbol-kind"></output>
</form>"""


def symbol_index_page() -> str:
    """Returns the page, to stand beside the folders `concepts` and `pairs`; loads TensorFlow.

    Each symbol has an id, such as `tf-placeholder`, and stands in a `<div class="symbol">`.
    """
    by_letter = itertools.groupby(
        sorted(symbols().values(), key=lambda symbol: symbol.name.lower()),
        key=lambda symbol: symbol.name[0].upper(),
    )
    version = state(next(iter(symbols().values()))).version
    options = "".join(f"<option>{kind}</option>" for kind in KINDS)
    counted = json.loads(_USES.read_text(encoding="utf-8"))["packages"]
    files = sum(package["files"] for package in counted.values())
    public = len(what_it_is())
    text = _TEXT.format(version=version, files=files, packages=len(counted), public=public)
    parts = [text, _raw(_FILTER.format(options=options))]
    for letter, group in by_letter:
        parts += [f"\n## {letter}\n\n", *(_entry(symbol) for symbol in group)]
    parts += [_OTHERS.format(version=recorded_versions()[0]), _raw(_table(_other_names()))]
    script = _SCRIPT.read_text(encoding="utf-8")
    return "".join([*parts, _raw(f"<script>\n{script}</script>")])


def _other_names() -> list[str]:
    """The names of 1.15 that have no entry, less those that the page says it leaves out."""
    return [name for name in sorted(everyday(), key=str.lower) if name not in symbols()]


def _table(names: Sequence[str]) -> str:
    """A table with a row for each name: what it is now and what to write."""
    rows = []
    for name in names:
        symbol = answer(name)
        assert symbol is not None, name
        cells = (f"<code>tf.{name}</code>", symbol.kind, f"<code>{escape(symbol.tf2)}</code>")
        kind_class = "kind-" + symbol.kind.replace(" ", "-")
        rows.append(f'<tr class="symbol {kind_class}">{_cells("td", cells)}</tr>')
    head = _cells("th", ("TensorFlow 1", "kind", "TensorFlow 2"))
    body = "\n".join(rows)
    table = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>"
    return f'<table class="other-symbols">\n{table}\n</table>'


def _cells(tag: str, texts: Sequence[str]) -> str:
    return "".join(f"<{tag}>{text}</{tag}>" for text in texts)


def line_address(use: PairLine) -> str:
    """Returns the address of a use on the page of its pair, from the guide's first page."""
    return f"pairs/{use.model}.html#tf1-L{use.line}"


def _raw(html: str) -> str:
    return f"```{{raw}} html\n{html}\n```\n"


def _entry(symbol: Symbol) -> str:
    code = ["```python", symbol.tf2, "```", ""] if symbol.tf2 else []
    lines = [
        f"**{_code(symbol.title)}** {symbol.kind}",
        "",
        *code,
        symbol.change,
        "",
        *_facts(symbol),
    ]
    kind_class = "kind-" + symbol.kind.replace(" ", "-")
    head = f"````{{container}} symbol {kind_class}\n:name: {anchor(symbol)}\n\n"
    return head + "\n".join(lines) + "\n````\n\n"


def _facts(symbol: Symbol) -> Iterator[str]:
    found = state(symbol)
    yield f"- In TensorFlow {found.version}: {found.summary}"
    for label, text in found.details():
        yield f"  - {label}: {_code(text)}"
    if symbol.old is not None:
        yield "- Compared with the old call under TensorFlow 1.15, by a test"
    uses = [_lines(group) for group in by_stage(pair_lines(symbol.name))]
    if uses:
        yield f"- In the pairs: {'; '.join(uses)}"
    if symbol.pitfalls:
        yield "- Pitfalls: " + ", ".join(f"{{ref}}`{n} <pitfall-{n}>`" for n in symbol.pitfalls)
    yield f"- Concept: {{ref}}`concept-{symbol.concept}`"


def _lines(group: Sequence[PairLine]) -> str:
    """The lines of one stage, each a link where the pair has a page."""
    model, stage = group[0].model, group[0].stage
    texts = [str(use.line) for use in group]
    if (_PAIR_PAGES / f"{model}.md").exists():
        texts = [f'<a href="{line_address(use)}">{use.line}</a>' for use in group]
    return f"{model}{' ' + stage if stage else ''} {', '.join(texts)}"


def _code(text: str) -> str:
    """Text as inline code, whatever backticks it has."""
    longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    padding = " " * (text.startswith("`") or text.endswith("`"))
    return f"{fence}{padding}{text}{padding}{fence}"
