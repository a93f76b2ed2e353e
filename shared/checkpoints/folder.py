"""Which checkpoints lie in a folder, and in which order they were saved."""

from __future__ import annotations

import os
from typing import NamedTuple

from shared.checkpoints.files import FILE, INDEX, RECORD, UNFINISHED, step_of
from shared.checkpoints.marks import read_mark
from shared.checkpoints.records import Record, RecordError, read_record
from shared.checkpoints.state_file import State


class Checkpoint(NamedTuple):
    """The files of one name, such as model-100."""

    name: str
    files: list[str]  # the index and the data
    record: Record | None  # None for one that these scripts did not save, too
    record_problem: str | None  # why the record cannot be read
    is_marked: bool  # whether its save was begun and not ended

    @property
    def step(self) -> int | None:
        """The step in its name."""
        return step_of(self.name)

    @property
    def is_unfinished(self) -> bool:
        """Whether it is what a crashed save left, or one that goes on now."""
        return self.is_marked and self.record is None

    @property
    def has_index(self) -> bool:
        """Whether TensorFlow would take it for a checkpoint."""
        return self.name + INDEX in self.files


def scan(directory: str) -> dict[str, Checkpoint]:
    """Returns the checkpoints of a folder by name; {} where there is no folder."""
    if not os.path.isdir(directory):
        return {}
    kinds: dict[str, list[str]] = {}
    for file in sorted(os.listdir(directory)):
        found = FILE.fullmatch(file)
        if found:
            kinds.setdefault(found.group("name"), []).append(found.group("kind"))
    return {name: _checkpoint(directory, name, found) for name, found in kinds.items()}


def _checkpoint(directory: str, name: str, kinds: list[str]) -> Checkpoint:
    files = [name + kind for kind in kinds if kind not in (RECORD, UNFINISHED)]
    record, problem = None, None
    if RECORD in kinds:
        try:
            record = read_record(os.path.join(directory, name + RECORD))
        except RecordError as error:
            problem = f"{name}{RECORD}: {error}"
    is_marked = UNFINISHED in kinds and read_mark(directory, name) is not None
    return Checkpoint(name, files, record, problem, is_marked)


def newest_first(checkpoints: dict[str, Checkpoint], state: State) -> list[Checkpoint]:
    """Returns the checkpoints, less unfinished ones, in the order in which to try them.

    Those with a record come by the order of their saves. One without, from another program, comes
    where the state file lists it: as its newest before all others, else behind the one it follows
    there. What is neither recorded nor listed comes last, by step.
    """
    places = _listed_places(checkpoints, state)

    def place(checkpoint: Checkpoint) -> tuple[int, float]:
        step = -1 if checkpoint.step is None else checkpoint.step
        return places.get(checkpoint.name, (0, step))

    usable = [checkpoint for checkpoint in checkpoints.values() if not checkpoint.is_unfinished]
    return sorted(usable, key=place, reverse=True)


def _listed_places(
    checkpoints: dict[str, Checkpoint], state: State
) -> dict[str, tuple[int, float]]:
    places: dict[str, tuple[int, float]] = {
        checkpoint.name: (1, checkpoint.record.order)
        for checkpoint in checkpoints.values()
        if checkpoint.record
    }
    if state.problem:
        return places
    before = 0.0
    for name in state.names:
        if name in places:
            before = places[name][1]
        else:
            before += 1 / (1 + len(state.names))  # behind it, and before the next save
            places[name] = (2 if name == state.newest else 1, before)
    return places
