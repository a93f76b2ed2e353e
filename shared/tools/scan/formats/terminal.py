"""A scan for the terminal: 80 columns, what needs work first, the whole at the end."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from shared.program.display import shown
from shared.tools.scan.behaviours import behaviours
from shared.tools.scan.effort import as_time
from shared.tools.scan.project import Finding, Scan, by_symbol
from shared.tools.scan.verdicts import KINDS, Verdict

WIDTH = 80
_MOST_UNRESOLVED = 20  # lines; JSON and HTML list all


def pieces(scan: Scan) -> Iterator[str]:
    """Yields the report line by line, without control characters of the scanned code."""
    parts = [_files, _symbols, _behaviours, _unresolved, _problems, _order, _idioms, _upgrade]
    for part in [*parts, _totals]:
        for line in part(scan):
            yield line + "\n"


def printable(text: str) -> str:
    """Returns text with its control characters and line breaks written as escapes."""
    return shown(text, longest=None)


def counted(number: int, noun: str) -> str:
    """Returns a number and its noun: "1 use", "2 uses"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _files(scan: Scan) -> Iterator[str]:
    """For each file, in the order to port, its uses that need something."""
    by_file: dict[str, list[Finding]] = {}
    for finding in scan.findings:
        by_file.setdefault(finding.path, []).append(finding)
    for path, findings in by_file.items():
        yield printable(path)
        minutes = sum(finding.minutes for finding in findings)
        uses = [finding for finding in findings if finding.what == "use"]
        unchanged = [use for use in uses if use.kind == "unchanged"]
        for name, group in by_symbol([use for use in uses if use.kind != "unchanged"]).items():
            yield from _row(_short_name(name), scan.verdicts[name].kind, _places(group))
        for name, group in by_symbol([f for f in findings if f.what == "behaviour"]).items():
            yield from _row(f"({name})", group[0].kind, _places(group))
        unknown = sum(finding.what == "unresolved" for finding in findings)
        facts = [f"{counted(len(unchanged), 'use')} unchanged"] if unchanged else []
        facts += [f"{unknown} unresolved"] if unknown else []
        yield "  " + ", ".join([*facts, as_time(minutes)])
        yield ""


def _short_name(name: str) -> str:
    """A symbol in the width of its column: the middle of a long one is left out."""
    name = printable(name)
    return name if len(name) <= 38 else f"{name[:12]}…{name[-25:]}"


def _row(name: str, kind: str, places: str) -> Iterator[str]:
    first, *others = textwrap.wrap(places, WIDTH - 61) or [""]
    yield f"  {name:<38} {kind:<18} {first}".rstrip()
    for line in others:
        yield " " * 60 + line


def _places(group: Iterable[Finding]) -> str:
    texts = [
        f"{f.cell_text}{f.line}" if not f.cell_text else f"{f.cell_text}:{f.line}" for f in group
    ]
    distinct = list(dict.fromkeys(texts))
    return f"line{'s' * (len(distinct) > 1)} {', '.join(distinct)}"


def _symbols(scan: Scan) -> Iterator[str]:
    """What to write for each symbol that needs something."""
    groups = by_symbol([use for use in scan.of("use") if use.kind != "unchanged"])
    for kind, meaning in KINDS.items():
        names = [name for name in groups if scan.verdicts[name].kind == kind]
        if not names:
            continue
        yield from _heading(f"{kind}: {meaning}")
        for name in names:
            yield from _symbol(scan.verdicts[name], groups[name])
        yield ""


def _symbol(verdict: Verdict, uses: Sequence[Finding]) -> Iterator[str]:
    yield from _wrapped(f"{verdict.symbol}  {counted(len(uses), 'use')}, first {uses[0].place}", 0)
    yield from _wrapped(f"state: {verdict.summary}", 4)
    if verdict.note:
        yield from _wrapped(verdict.note, 4)
    for line in (verdict.write or "no answer in the index").splitlines():
        yield from _wrapped(f"write: {line}", 4)
    if verdict.change:
        yield from _wrapped(verdict.change, 4)
    yield from _references(verdict.pitfalls, verdict.concept, verdict.pair)


def _references(
    pitfalls: Iterable[str], concept: str | None, pair: tuple[str, str] | None
) -> Iterator[str]:
    texts = [f"pairs pitfalls {name}" for name in pitfalls]
    texts += [f"pairs guide concepts/{concept}"] if concept else []
    texts += [f"{pair[0]} and {pair[1]}"] if pair else []
    if texts:
        yield from _wrapped("see: " + "; ".join(texts), 4)


def _behaviours(scan: Scan) -> Iterator[str]:
    groups = by_symbol(scan.of("behaviour"))
    if not groups:
        return
    yield from _heading("behaviour that no name shows")
    for name, group in groups.items():
        meant = behaviours()[name]
        yield from _wrapped(f"{name}: {meant.title}  {len(group)}x, first {group[0].place}", 0)
        yield from _wrapped(f"write: {meant.write}", 4)
        yield from _wrapped(meant.change, 4)
        yield from _references(meant.pitfalls, meant.concept, None)
    yield ""


def _unresolved(scan: Scan) -> Iterator[str]:
    found = scan.of("unresolved")
    if not found:
        return
    yield from _heading(f"not resolved ({len(found)})")
    for finding in found[:_MOST_UNRESOLVED]:
        likely = f" (likely {finding.name})" if finding.name else ""
        yield from _wrapped(f"{finding.place}  {finding.written}: {finding.message}{likely}", 0)
    if len(found) > _MOST_UNRESOLVED:
        yield f"and {len(found) - _MOST_UNRESOLVED} more, which --format json lists"
    yield ""


def _problems(scan: Scan) -> Iterator[str]:
    if not scan.problems:
        return
    yield from _heading(f"not scanned ({len(scan.problems)})")
    for problem in scan.problems:
        yield from _wrapped(f"{problem.path}: {problem.reason}", 0)
    yield ""


def _order(scan: Scan) -> Iterator[str]:
    if sum(map(len, scan.order)) < 2:
        return
    yield from _heading("files in the order to port")
    minutes: dict[str, float] = {}
    for finding in scan.findings:
        minutes[finding.path] = minutes.get(finding.path, 0) + finding.minutes
    for number, group in enumerate(scan.order, 1):
        if len(group) > 1:
            yield f"{number:>4}  these {len(group)} import each other in a circle:"
        for path in group:
            lead = f"{number:>4}  " if len(group) == 1 else " " * 8
            yield from _wrapped(f"{path}  {as_time(minutes.get(path, 0))}", len(lead), lead)
    yield ""


def _idioms(scan: Scan) -> Iterator[str]:
    if not scan.idioms:
        return
    yield from _heading("idioms")
    for idiom in scan.idioms:
        yield from _wrapped(f"{idiom.name}  {idiom.count}x, first {idiom.first}", 0)
        yield from _wrapped(idiom.lesson, 4)
        yield from _references((), idiom.concept, idiom.pair)
    yield ""


def _upgrade(scan: Scan) -> Iterator[str]:
    found = scan.upgrade
    if found is None:
        return
    yield from _heading("what tf_upgrade_v2 would do")
    yield f"sees {counted(found.seen, 'use')}, misses {found.missed} (aliases, methods, getattr)"
    yield f"rewrites {found.native} to TensorFlow 2, {found.compat} to tf.compat.v1"
    yield f"leaves {found.left} as they are; {found.still_gone} that it sees are gone after it, too"
    for use, text, why in found.numbers:
        yield from _wrapped(f"changes numbers: {use.place}  {use.name} becomes {text}: {why}", 0)
    yield ""


def _totals(scan: Scan) -> Iterator[str]:
    yield from _heading(f"{scan.root} with TensorFlow {scan.version}")
    size = f"{counted(scan.lines, 'line')} in {counted(scan.files, 'file')}"
    yield f"{size}; with TensorFlow {scan.using:,}"
    if scan.tolerant:
        yield f"{len(scan.tolerant):,} of them are Python 2, or have errors"
    if scan.problems or scan.ignored:
        yield f"{len(scan.problems):,} not scanned, {scan.ignored:,} left out by .gitignore"
    for kind, count in scan.totals().items():
        yield f"{count:>8,}  {kind}"
    yield f"{len(scan.of('behaviour')):>8,}  behaviours that no name shows"
    yield f"{scan.share_resolved:.1%} of uses resolved"
    yield f"estimated effort: {as_time(scan.minutes)} (a rule of thumb: docs/scan.md)"


def _heading(title: str) -> Iterator[str]:
    yield from _wrapped(title, 0)
    yield "-" * min(WIDTH, len(title))


def _wrapped(text: str, indent: int, lead: str = "") -> list[str]:
    """Lines of at most 80 columns; a word that is longer is broken."""
    space = " " * indent
    lines = textwrap.wrap(
        printable(text), WIDTH, initial_indent=lead or space, subsequent_indent=space + "  "
    )
    return lines or [space]
