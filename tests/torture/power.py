"""The loss of power: a save that has returned comes back, whatever else the disk has forgotten."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from forgetful_disk import Recording, disks, put
from saved import save
from shared.checkpoints import claim_folder
from torture.kills import judge_either, leftovers
from torture.models import fingerprint, fresh, train
from torture.outcomes import EXACT, REFUSED, STARTS_OVER, WRONG, Tally

NEW_FOLDER = Path("new", "folder")  # of the checkpoints, on the disk: its parent is made, too


def lost_power(
    style: str,
    work: Path,
    saves: int,
    more: int,
    seed: int = 0,
    each: bool = False,
    forgets: Callable[[str], bool] = lambda path: False,
) -> Tally:
    """Restores from each disk that a loss of power may leave; returns the counts.

    Args:
        style: tf1_style or tf2_style.
        work: an empty folder.
        saves: how often a model is saved; the power goes before any call of each save, and at the
            end.
        more: how many disks are chosen at random at each moment; see `disks`.
        seed: of the choice.
        each: whether each name and file that was not synced is also left out alone, and there
            alone.
        forgets: which `fsync` the program leaves out; see `Recording`.
    """
    root = work / "power"
    root.mkdir()
    recording, fingerprints = _recorded(style, root, saves, forgets)
    shutil.rmtree(root / NEW_FOLDER.parts[0])  # disks are laid out in its place
    model, chosen, tally = fresh(style), random.Random(seed), Tally(f"{style} loss of power")
    for number, moment in enumerate(recording.moments):
        promised = moment.promised
        may_come = fingerprints[max(0, promised - 1) : promised + 1]
        for tree in disks(moment, chosen, more, each):
            with put(tree, root):
                outcome = _outcome(model, root / NEW_FOLDER, may_come, promised)
            tally.add(f"moment {number}, before {moment.call}", *outcome)
    return tally


def _recorded(
    style: str, root: Path, saves: int, forgets: Callable[[str], bool]
) -> tuple[Recording, list[str]]:
    """Trains and saves; a save is promised when it has returned."""
    model, fingerprints = fresh(style), []
    with Recording(root, forgets) as recording, claim_folder(str(root / NEW_FOLDER)):
        for _ in range(saves):
            train(model)
            fingerprints.append(fingerprint(model))
            save(model, root / NEW_FOLDER)
            recording.promise()
    return recording, fingerprints


def _outcome(model: Any, folder: Path, saves: list[str], promised: int) -> tuple[str, str]:
    """Restores as `evaluate` does and as the next training does, which clears what is left over."""
    outcomes = [_judged(model, folder, saves, promised)]
    with claim_folder(str(folder)):
        outcomes.append(_judged(model, folder, saves, promised))
        rest = leftovers(folder)
    if rest:
        outcomes.append((WRONG, f"left over: {rest}"))
    return max(outcomes, key=lambda outcome: (outcome[0] == WRONG, outcome[0] == REFUSED))


def _judged(model: Any, folder: Path, saves: list[str], promised: int) -> tuple[str, str]:
    outcome, detail = judge_either(model, folder, saves)
    if not promised and detail == STARTS_OVER:
        return EXACT, "nothing was saved"
    if promised and outcome == REFUSED:
        return WRONG, f"the last save is lost: {detail}"
    return outcome, detail
