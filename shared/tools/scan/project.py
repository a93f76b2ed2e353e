"""Scans a project: its files are analyzed, linked, and each use is given its verdict."""

from __future__ import annotations

import collections
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from shared.garbage_collection import no_garbage_collection
from shared.tools.scan import source_files, trying, upgrade
from shared.tools.scan.behaviour_rules import (
    BATCH_NORM,
    READS_EITHER,
    RUNS_UPDATES,
    USES_SAVER,
)
from shared.tools.scan.behaviours import behaviours
from shared.tools.scan.effort import Effort
from shared.tools.scan.facts import Facts, FoundBehaviour, Place, Use
from shared.tools.scan.files import Analyzer, Outcome, analyze_all, default_jobs
from shared.tools.scan.idioms import Idiom, idioms_of
from shared.tools.scan.linking import link
from shared.tools.scan.port_order import port_order
from shared.tools.scan.reading import Source
from shared.tools.scan.source_files import Problem
from shared.tools.scan.verdicts import (
    KINDS,
    Verdict,
    is_known,
    is_stray_member,
    kind_of_use,
    stands_for_member,
    verdict,
)

STDIN = "<stdin>"


@dataclass(frozen=True, slots=True)
class Finding:
    """One use of a symbol, one behaviour, or one use whose symbol could not be resolved.

    Attributes:
        path: of the file, from the scanned folder.
        line: of the file, from 1; of a notebook, in its cell.
        column: from 1.
        cell: of a notebook, from 1 over all cells; None in a Python file.
        what: "use", "behaviour" or "unresolved".
        name: the symbol, the behaviour, or of what is unresolved the symbol that is likely, or "".
        written: as the code has it.
        form: of a use "name", "method", "import", "getattr" or "wildcard"; else empty.
        kind: one of `KINDS`, or "unresolved".
        message: of a behaviour its title; of what is unresolved the reason; else empty.
        minutes: the estimated effort.
        fingerprint: the same as long as the code is, whatever stands above it.
    """

    path: str
    line: int
    column: int
    cell: int | None
    what: str
    name: str
    written: str
    form: str
    kind: str
    message: str
    minutes: float
    fingerprint: str

    @property
    def place(self) -> str:
        """Where it is, in one word: "a.py:3", or "a.ipynb[2]:3" in the second cell."""
        return f"{self.path}{self.cell_text}:{self.line}"

    @property
    def cell_text(self) -> str:
        """The cell of a notebook as "[2]"; empty in a Python file."""
        return f"[{self.cell}]" if self.cell is not None else ""


@dataclass
class Scan:
    """What a scan found.

    Attributes:
        root: the scanned path, as it was given.
        version: the installed TensorFlow.
        files: the number that were scanned, and of those how many use TensorFlow.
        lines: of all files that were scanned.
        findings: in the order of the files to port, then by line.
        verdicts: by symbol.
        order: the files that use TensorFlow, each after those that it imports; a group of several
            imports each other in a circle.
        idioms: what the project does, with the pair that shows it.
        problems: files that could not be scanned.
        ignored: the number of files that a `.gitignore` leaves out.
        tolerant: the files that are not Python 3.
        upgrade: what `tf_upgrade_v2` does with each symbol; None where it was not asked.
    """

    root: str
    version: str
    files: int = 0
    using: int = 0
    lines: int = 0
    findings: list[Finding] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    order: list[list[str]] = field(default_factory=list)
    idioms: list[Idiom] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    ignored: int = 0
    tolerant: list[str] = field(default_factory=list)
    upgrade: upgrade.Summary | None = None

    def of(self, what: str) -> list[Finding]:
        """Returns the uses, the behaviour or what is unresolved."""
        return [finding for finding in self.findings if finding.what == what]

    def totals(self) -> dict[str, int]:
        """Returns the number of uses of each kind, and of what is unresolved."""
        counts = collections.Counter(f.kind for f in self.findings if f.what != "behaviour")
        return {kind: counts[kind] for kind in [*KINDS, "unresolved"]}

    @property
    def share_resolved(self) -> float:
        """The share of uses whose symbol is known, from 0 to 1; 1 where there are none."""
        uses, unresolved = len(self.of("use")), len(self.of("unresolved"))
        return uses / (uses + unresolved) if uses + unresolved else 1.0

    @property
    def minutes(self) -> float:
        """The estimated effort of the whole."""
        return sum(finding.minutes for finding in self.findings)


def scan(
    path: Path, jobs: int | None = None, report: Callable[[int, int], None] | None = None
) -> Scan:
    """Scans a file or a folder.

    Args:
        path: of a file, or of a folder with all that is below it.
        jobs: processes at the same time; by default one for each core.
        report: is called with the number of files that are done, and of all.

    Raises:
        UsageError: there is no such path.
    """
    tree = source_files.find(path)

    def done(number: int) -> None:
        if report is not None:
            report(number, len(tree.paths))

    # Uses and findings have no circles: to look for some takes seconds for a million lines.
    with no_garbage_collection():
        outcomes = analyze_all(tree.root, tree.paths, jobs or default_jobs(), done)
        found = Scan(str(path), trying.version(), files=len(tree.paths), ignored=tree.ignored)
        found.problems = list(tree.problems)
        return _judged(found, outcomes)


def scan_text(text: str) -> Scan:
    """Scans one Python text, such as standard input."""
    outcome = Analyzer(Path(), []).source(STDIN, Source(text), fully=True)
    return _judged(Scan("-", trying.version(), files=1), [outcome])


def _judged(found: Scan, outcomes: Iterable[Outcome]) -> Scan:
    files = {}
    for outcome in outcomes:
        if isinstance(outcome, Facts):
            files[outcome.module] = outcome
        else:
            found.problems.append(outcome)
    found.lines = sum(facts.lines for facts in files.values())
    link(files, is_known)
    for facts in files.values():
        facts.uses = list(_of_tensorflow(facts.uses))
    _add_update_ops(files)
    _keep_checkpoints_of_savers(files)
    using = {name: f for name, f in files.items() if f.uses or f.unresolved}
    found.using = len(using)
    found.tolerant = sorted(f.path for f in using.values() if f.parser and f.parser != "Python 3")
    groups = port_order({name: _imports_of(files, name, using) for name in using})
    found.order = [[files[name].path for name in group] for group in groups]
    trying.try_all(str(use.value)[3:] for facts in files.values() for use in facts.uses)
    effort = Effort()
    for group in groups:
        for name in group:
            found.findings += _findings(files[name], effort)
    found.verdicts = {finding.name: verdict(finding.name) for finding in found.of("use")}
    found.idioms = idioms_of(found.findings)
    trying.keep()
    return found


def _of_tensorflow(uses: Iterable[Use]) -> Iterator[Use]:
    """The uses without attributes that the program itself gave an object of TensorFlow."""
    for use in uses:
        path = str(use.value)
        owner, _, last = path.rpartition(".")
        if path == "tf.__version__":
            yield use
        elif use.form not in ("method", "name") or not (
            last.startswith("_") or is_stray_member(path)
        ):
            # Of objects whose members 1.15 does not list, the class stands for all of them.
            without = use.form == "method" and is_known(owner) and stands_for_member(path)
            yield replace(use, value=owner) if without else use


def _imports_of(files: Mapping[str, Facts], name: str, using: Mapping[str, Facts]) -> set[str]:
    """The modules with TensorFlow that a module imports, through others without too."""
    found: set[str] = set()
    waiting = list(files[name].imports)
    seen = set(waiting)
    while waiting:
        module = waiting.pop()
        if module in using:
            found.add(module)
        elif module in files:
            new = files[module].imports - seen
            seen |= new
            waiting += new
    return found


def _add_update_ops(files: Mapping[str, Facts]) -> None:
    """Adds a behaviour where nothing runs the updates of the batch normalization that is made."""
    every = [use.value for facts in files.values() for use in facts.uses]
    if any(isinstance(path, str) and RUNS_UPDATES.search(path) for path in every):
        return
    for facts in files.values():
        first = next((u for u in facts.uses if BATCH_NORM.match(str(u.value))), None)
        if first is not None and not facts.updates_in_place:
            found = FoundBehaviour(first.place, "update-ops-never-run", first.written)
            facts.behaviours.append(found)


def _keep_checkpoints_of_savers(files: Mapping[str, Facts]) -> None:
    """Drops what reads a checkpoint of either kind where nothing in the project is a Saver's."""
    paths = {str(use.value) for facts in files.values() for use in facts.uses}
    paths |= {str(unknown.likely) for facts in files.values() for unknown in facts.unresolved}
    if any(USES_SAVER.match(path) for path in paths):
        return
    for facts in files.values():
        facts.behaviours = [
            found
            for found in facts.behaviours
            if found.name != "checkpoint-of-saver" or found.written not in READS_EITHER
        ]


def _findings(facts: Facts, effort: Effort) -> Iterator[Finding]:
    """What one file holds, by line, each with its fingerprint."""
    counts: collections.Counter[tuple[str, str, str]] = collections.Counter()
    for place, what, name, written, form, kind, message in sorted(_rows(facts)):
        written = " ".join(written.split())
        counts[what, name, written] += 1
        number = counts[what, name, written]
        text = "\0".join([facts.path, what, name, written, str(number)])
        cell, line = _cell(facts, place.line)
        free = form == "import" or kind == "unchanged"
        yield Finding(
            path=facts.path,
            line=line,
            column=place.column,
            cell=cell,
            what=what,
            name=name,
            written=written,
            form=form,
            kind=kind,
            message=message,
            minutes=0 if free else effort.minutes(f"{what} {name or written}", kind),
            fingerprint=hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32],
        )


def _rows(facts: Facts) -> Iterator[tuple[Place, str, str, str, str, str, str]]:
    """Place, what, name, written, form, kind and message of each finding."""
    for use in facts.uses:
        judged = verdict(str(use.value))
        kind = kind_of_use(judged, use.arguments)
        yield use.place, "use", judged.symbol, use.written, use.form, kind, ""
    for found in facts.behaviours:
        meant = behaviours()[found.name]
        yield found.place, "behaviour", meant.name, found.written, "", meant.kind, meant.title
    for unknown in facts.unresolved:
        name = unknown.likely or ""
        yield unknown.place, "unresolved", name, unknown.written, "", "unresolved", unknown.reason


def _cell(facts: Facts, line: int) -> tuple[int | None, int]:
    """The cell of a notebook and the line in it; of a Python file None and its line."""
    if not facts.cells:
        return None, line
    return facts.cells[min(line, len(facts.cells)) - 1]


def by_symbol(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Returns findings by their name, the most frequent first."""
    groups: dict[str, list[Finding]] = collections.defaultdict(list)
    for finding in findings:
        groups[finding.name].append(finding)
    return dict(sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])))
