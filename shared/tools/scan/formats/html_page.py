"""A scan as one HTML file that needs no network: totals, and every place behind a filter."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from shared.tools.scan.behaviours import behaviours
from shared.tools.scan.effort import MINUTES, as_time
from shared.tools.scan.formats.terminal import counted, printable
from shared.tools.scan.project import Finding, Scan, by_symbol
from shared.tools.scan.verdicts import KINDS

_FOLDER = Path(__file__).parent

_HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
"""

_FOOT = """\
</main>
<script>
{script}</script>
</body>
</html>
"""

_FILTER = """\
<form class="filter" role="search" aria-label="Entries" onsubmit="return false">
<label>Show entries with <input type="search" id="filter-text" autocomplete="off"></label>
<label>of kind <select id="filter-kind"><option value="">any</option>{kinds}</select></label>
<label>in <select id="filter-file"><option value="">all files</option>{files}</select></label>
<output id="filter-count" for="filter-text filter-kind filter-file"></output>
</form>"""


def pieces(scan: Scan) -> Iterator[str]:
    """Yields the page; all that comes from the scanned code is escaped."""
    title = f"TensorFlow in {_escaped(scan.root)}"
    yield _HEAD.format(title=title, style=(_FOLDER / "page.css").read_text(encoding="utf-8"))
    for part in [_totals, _order, _idioms, _upgrade, _entries, _problems]:
        for piece in part(scan):
            yield piece + "\n"
    yield _FOOT.format(script=(_FOLDER / "page.js").read_text(encoding="utf-8"))


def _escaped(text: str) -> str:
    return html.escape(printable(text))


def _code(text: str) -> str:
    return f"<code>{html.escape(chr(10).join(map(printable, text.split(chr(10)))))}</code>"


def _totals(scan: Scan) -> Iterator[str]:
    yield (
        f"<p>{counted(scan.lines, 'line')} in {counted(scan.files, 'file')}, of which "
        f"{scan.using:,} use TensorFlow; {len(scan.tolerant):,} of these are Python 2, or have "
        f"errors. Not scanned: {counted(len(scan.problems), 'file')}; "
        f"left out by <code>.gitignore</code>: {scan.ignored:,}. What "
        f"became of a name was tried in TensorFlow {_escaped(scan.version)}.</p>"
    )
    rows = [
        (kind, KINDS.get(kind, "the text of the program does not tell which symbol it is"), count)
        for kind, count in scan.totals().items()
    ]
    yield _table(
        ["kind", "which means", "uses"],
        [[_escaped(kind), _escaped(meaning), f"{count:,}"] for kind, meaning, count in rows],
        numbers={2},
    )
    rule = "; ".join(f"{kind} {first:g} and {other:g}" for kind, (first, other) in MINUTES.items())
    yield (
        f"<p>{scan.share_resolved:.1%} of uses resolved; {len(scan.of('behaviour')):,} behaviours "
        f"that no name shows. Estimated effort: <strong>{as_time(scan.minutes)}</strong>, by a "
        "rule of thumb. Minutes for the first use of a symbol or behaviour and for each further "
        f"one: {rule}.</p>"
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: set[int]) -> str:
    def cells(tag: str, texts: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=number' * (index in numbers)}>{text}</{tag}>"
            for index, text in enumerate(texts)
        )

    lines = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        f"<table class=totals><thead><tr>{cells('th', heads)}</tr></thead>\n"
        f"<tbody>{lines}</tbody></table>"
    )


def _order(scan: Scan) -> Iterator[str]:
    if not scan.order:
        return
    minutes: dict[str, float] = {}
    for finding in scan.findings:
        minutes[finding.path] = minutes.get(finding.path, 0) + finding.minutes
    yield "<h2>Files in the order to port</h2>"
    yield "<ol>"
    for group in scan.order:
        files = [f"{_code(path)} {as_time(minutes.get(path, 0))}" for path in group]
        circle = "these import each other in a circle: " if len(group) > 1 else ""
        yield f"<li>{circle}{', '.join(files)}</li>"
    yield "</ol>"


def _idioms(scan: Scan) -> Iterator[str]:
    if not scan.idioms:
        return
    yield "<h2>Idioms</h2>"
    rows = [
        [
            f"{_escaped(idiom.name)}<br><span class=quiet>{_escaped(idiom.lesson)}</span>",
            _code(idiom.first),
            "<br>".join(map(_code, idiom.pair)) if idiom.pair else "",
            f"{idiom.count:,}",
        ]
        for idiom in scan.idioms
    ]
    yield _table(["idiom", "first place", "pair", "places"], rows, numbers={3})


def _upgrade(scan: Scan) -> Iterator[str]:
    found = scan.upgrade
    if found is None:
        return
    yield "<h2>What <code>tf_upgrade_v2</code> would do</h2>"
    yield (
        f"<p>It sees {found.seen:,} uses and misses {found.missed:,}; it rewrites {found.native:,} "
        f"to TensorFlow 2 and {found.compat:,} to <code>tf.compat.v1</code>, and leaves "
        f"{found.left:,} as they are. {found.still_gone:,} that it sees are gone after it, too.</p>"
    )
    if found.numbers:
        yield "<p>Its rewrite changes numbers here:</p><ul>"
        for use, text, why in found.numbers:
            yield f"<li>{_code(use.place)} {_code(text)}: {_escaped(why)}</li>"
        yield "</ul>"


def _entries(scan: Scan) -> Iterator[str]:
    kinds = "".join(f"<option>{kind}</option>" for kind in scan.totals())
    paths = dict.fromkeys(finding.path for finding in scan.findings)
    files = "".join(f"<option>{_escaped(path)}</option>" for path in paths)
    yield "<h2>Every place</h2>"
    yield _FILTER.format(kinds=kinds, files=files)
    for name, group in by_symbol(scan.of("use")).items():
        verdict = scan.verdicts[name]
        facts = [f"<p>{_escaped(verdict.summary)}</p>"]
        facts += [f"<p>{_escaped(verdict.note)}</p>"] if verdict.note else []
        facts += _answer(verdict.write, verdict.change)
        facts += _references(verdict.pitfalls, verdict.concept, verdict.pair)
        for kind in dict.fromkeys([verdict.kind, *(use.kind for use in group)]):
            uses = [use for use in group if use.kind == kind]
            yield _entry(name, kind, uses, facts) if uses else ""
    for name, group in by_symbol(scan.of("behaviour")).items():
        meant = behaviours()[name]
        facts = [*_answer(meant.write, meant.change)]
        facts += _references(meant.pitfalls, meant.concept, None)
        yield _entry(f"behaviour: {meant.title}", meant.kind, group, facts)
    for name, group in by_symbol(scan.of("unresolved")).items():
        likely = f"likely {name}" if name else "no symbol is likely"
        yield _entry(likely, "unresolved", group, [])


def _answer(write: str | None, change: str) -> Iterator[str]:
    if write:
        yield f"<div class=write>{_code(write)}</div>"
    if change:
        yield f"<p>{_escaped(change)}</p>"


def _references(
    pitfalls: Iterable[str], concept: str | None, pair: tuple[str, str] | None
) -> Iterator[str]:
    found = [f"pairs pitfalls {name}" for name in pitfalls]
    found += [f"pairs guide concepts/{concept}"] if concept else []
    found += list(pair or ())
    if found:
        yield f"<p class=quiet>See {', '.join(map(_code, found))}</p>"


def _entry(title: str, kind: str, group: Sequence[Finding], facts: Iterable[str]) -> str:
    kind_class = "kind-" + kind.replace(" ", "-")
    places = "\n".join(_place(finding) for finding in group)
    return (
        f'<details class="symbol {kind_class}" data-kind="{kind}"><summary>{_code(title)} '
        f"<span class=kind>{kind}, {counted(len(group), 'place')}</span></summary>\n"
        + "\n".join(facts)
        + f"\n<ul class=places>\n{places}\n</ul></details>"
    )


def _place(finding: Finding) -> str:
    message = f": {_escaped(finding.message)}" if finding.what == "unresolved" else ""
    return (
        f'<li data-file="{_escaped(finding.path)}">{_code(finding.place)} '
        f"<span class=quiet>{_escaped(finding.written)}{message}</span></li>"
    )


def _problems(scan: Scan) -> Iterator[str]:
    if not scan.problems:
        return
    yield "<h2>Not scanned</h2><ul>"
    for problem in scan.problems:
        yield f"<li>{_code(problem.path)}: {_escaped(problem.reason)}</li>"
    yield "</ul>"
