"""Analyzes the files of a tree, several at a time."""

from __future__ import annotations

import gc
import multiprocessing
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from shared.tools.scan.analysis import analyze
from shared.tools.scan.facts import Facts
from shared.tools.scan.linking import exporting
from shared.tools.scan.modules import ModuleIndex, dotted
from shared.tools.scan.parsing import parse
from shared.tools.scan.reading import Source, Unreadable, read
from shared.tools.scan.source_files import Problem

_FEW = 24  # files that are analyzed before another process would have started
_BATCH = 16  # files that a process is given at a time
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(\.*[\w.]*)[ \t]+import\b|import[ \t]+([\w., \t]+))", re.M
)

Outcome = Facts | Problem
Report = Callable[[int], None]  # is given the number of files that are done


class Analyzer:
    """Analyzes files of one tree; made anew in each process."""

    def __init__(self, root: Path, paths: Sequence[str]) -> None:
        self.root = root
        self.modules = ModuleIndex(paths)

    def file(self, path: str, fully: bool = False) -> Outcome:
        """Returns what is found in a file, or why nothing can be.

        Args:
            path: from the root.
            fully: analyze it though its text does not name TensorFlow.
        """
        try:
            return self.source(path, read(self.root / path), fully)
        except Unreadable as error:
            return Problem(path, str(error))

    def source(self, path: str, source: Source, fully: bool = False) -> Outcome:
        """Returns what is found in a text that stands, or could stand, under `path`."""
        facts = Facts(path, dotted(path), cells=source.cells)
        facts.lines = source.text.count("\n") + (not source.text.endswith("\n"))
        facts.mentions = "tensorflow" in source.text
        if not (facts.mentions or fully):
            facts.imports = self.imports(facts.module, source.text)
            return facts
        try:
            tree, facts.parser = parse(source.text)
            analyze(tree, facts, self.modules)
            facts.count_characters(source.text)
        except Unreadable as error:
            return Problem(path, str(error))
        except (RecursionError, MemoryError):
            return Problem(path, "nested too deeply")
        return facts

    def imports(self, module: str, text: str) -> set[str]:
        """The local modules that a text imports, without parsing it."""
        found = set()
        for match in _IMPORT.finditer(text):
            given = match[1] if match[1] is not None else match[2]
            level = len(given) - len(given.lstrip("."))
            for name in given.lstrip(".").split(","):
                words = name.split()
                local = self.modules.find(words[0] if words else "", module, level)
                if local is not None:
                    found.add(local)
        return found


Make = Callable[[Path, Sequence[str]], Analyzer]


def analyze_all(
    root: Path, paths: Sequence[str], jobs: int, report: Report, make: Make = Analyzer
) -> list[Outcome]:
    """Returns what each file holds, in the order of `paths`.

    A file that does not name TensorFlow is analyzed if it imports a module that hands it on.

    Args:
        root: the folder of the tree.
        paths: of its files, from `root`.
        jobs: processes at the same time.
        report: is called after some files, with their number.
        make: makes the analyzer of a process.
    """
    crew = _Crew(root, paths, jobs, make)
    found = dict(crew.analyze(paths, False, report))
    while True:
        facts = {each.module: each for each in found.values() if isinstance(each, Facts)}
        handing_on = exporting(facts)
        more = [
            each.path
            for each in facts.values()
            if not each.parser and each.imports & handing_on and each.path.endswith(".py")
        ]
        if not more:
            return [found[path] for path in paths]
        found.update(crew.analyze(more, True, lambda done: None))


class _Crew:
    """The processes that analyze a tree."""

    def __init__(self, root: Path, paths: Sequence[str], jobs: int, make: Make) -> None:
        self.begin = (root, paths, make)
        self.jobs = jobs
        # Not by a plain fork: this process may have threads, those of TensorFlow among them.
        methods = multiprocessing.get_all_start_methods()
        method = "forkserver" if "forkserver" in methods else "spawn"
        self.context = multiprocessing.get_context(method)

    def analyze(
        self, paths: Sequence[str], fully: bool, report: Report
    ) -> Iterator[tuple[str, Outcome]]:
        batches = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
        outcomes: Iterable[list[Outcome]]
        if self.jobs == 1 or len(paths) <= _FEW:
            root, every, make = self.begin
            analyzer = make(root, every)
            outcomes = ([analyzer.file(path, fully) for path in batch] for batch in batches)
        else:
            outcomes = self.in_processes(batches, fully)
        done = 0
        for batch, results in zip(batches, outcomes, strict=True):
            yield from zip(batch, results, strict=True)
            done += len(batch)
            report(done)

    def in_processes(
        self, batches: Sequence[Sequence[str]], fully: bool
    ) -> Iterator[list[Outcome]]:
        start = 0
        while start < len(batches):
            with self.pool(self.jobs) as pool:
                try:
                    waiting = batches[start:]
                    for results in pool.map(_batch, waiting, [fully] * len(waiting)):
                        yield results
                        start += 1
                    continue
                except BrokenProcessPool:
                    pass
            # A file ended its process, which no exception told of: one by one to find which.
            yield [self.alone(path, fully) for path in batches[start]]
            start += 1

    def alone(self, path: str, fully: bool) -> Outcome:
        with self.pool(1) as pool:
            try:
                return next(iter(pool.map(_batch, [[path]], [fully])))[0]
            except BrokenProcessPool:
                return Problem(path, "ends the process that parses it")

    def pool(self, jobs: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(jobs, self.context, initializer=_begin, initargs=self.begin)


_analyzer: Analyzer | None = None


def _begin(root: Path, paths: Sequence[str], make: Make) -> None:
    global _analyzer
    # Syntax trees are many small objects without circles: looking for circles in them takes a third
    # of the time and finds nothing.
    gc.disable()
    _analyzer = make(root, paths)


def _batch(paths: Sequence[str], fully: bool) -> list[Outcome]:
    assert _analyzer is not None
    return [_analyzer.file(path, fully) for path in paths]


def default_jobs() -> int:
    """Returns how many processes may run at the same time."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # macOS
        return max(1, os.cpu_count() or 1)
