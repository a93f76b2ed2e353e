"""SIGKILL at random moments of saving."""

from __future__ import annotations

import random
import time
from pathlib import Path

from saved import save
from shared.checkpoints import claim_folder
from shared.checkpoints.files import FILE, STATE
from torture.children import Child, Tell
from torture.models import fingerprint, fresh, train
from torture.outcomes import EXACT, WRONG, Tally, judge

LONGEST = 8  # saves before the one in which a child is killed, at most


def save_for_ever(style: str, folder: Path, tell: Tell) -> None:
    """Trains and saves; tells when each save begins, of what, and when it has ended."""
    with claim_folder(str(folder)):
        model = fresh(style)
        while True:
            train(model)
            tell(f"begin {fingerprint(model)}")
            save(model, str(folder))
            tell("end")


def killed_folder(style: str, folder: Path, chosen: random.Random) -> list[str] | None:
    """Kills a child in the midst of a save; returns the fingerprints of its last two saves.

    None when the save had ended before the kill arrived.
    """
    child = Child(lambda tell: save_for_ever(style, folder, tell))
    saves: list[str] = []
    duration = 0.0
    for _ in range(chosen.randint(2, LONGEST)):  # the first of them is slower than any other
        line = child.line()
        if not line:
            child.kill()
            raise TimeoutError("a child process did not begin to save")
        begun = time.monotonic()
        saves.append(line.split()[1])
        if child.line() != "end":
            raise RuntimeError("a child process did not end its save")
        duration = time.monotonic() - begun
    line = child.line()
    assert line, "a child process ended by itself"
    saves.append(line.split()[1])
    time.sleep(chosen.uniform(0, duration))
    ended = child.line(seconds=0)
    child.kill()
    return None if ended else saves[-2:]


def kill(style: str, work: Path, count: int, seed: int) -> list[tuple[Path, list[str]]]:
    """Leaves `count` folders in which a save was killed, with the saves that may come back."""
    chosen = random.Random(seed)
    left: list[tuple[Path, list[str]]] = []
    attempt = 0
    while len(left) < count:
        attempt += 1
        folder = work / f"killed-{attempt}"
        saves = killed_folder(style, folder, chosen)
        if saves is not None:
            left.append((folder, saves))
    return left


def look_at_killed(style: str, left: list[tuple[Path, list[str]]]) -> Tally:
    """Restores what the killed saves left, as `evaluate` does and as the next training does."""
    tally, model = Tally(f"{style} SIGKILL while saving"), fresh(style)
    for folder, saves in left:
        # The save before has ended. The killed one may count, if only its end was not told.
        outcomes = [judge_either(model, folder, saves)]
        with claim_folder(str(folder)):
            outcomes.append(judge_either(model, folder, saves))
            rest = leftovers(folder)
        if rest:
            outcomes.append((WRONG, f"left over: {rest}"))
        worst = max(outcomes, key=lambda outcome: (outcome[0] == WRONG, outcome[0] != EXACT))
        tally.add(folder.name, *worst)
    return tally


def judge_either(model: object, folder: Path, saves: list[str]) -> tuple[str, str]:
    """Either of the two saves is right, also without a warning."""
    outcome = judge(model, folder, saves)
    if outcome[0] == WRONG and "without a warning" in outcome[1]:
        return judge(model, folder, saves[:1])
    return outcome


def leftovers(folder: Path) -> list[str]:
    """Returns the names of files that belong to no finished save."""
    names = {file.name for file in folder.iterdir()} - {STATE, ".training-lock"}
    parts = {name: FILE.fullmatch(name) for name in names}
    whole = {
        found.group("name")
        for found in parts.values()
        if found and f"{found.group('name')}.record" in names
    }
    return sorted(
        name for name, found in parts.items() if not found or found.group("name") not in whole
    )
