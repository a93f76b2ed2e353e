"""Runs scripts of the ladder in one process, a turn at a time; also under Python 3.7.

Its argument is a JSON list of scripts and the folders to run them in. It says `.` when TensorFlow
is loaded, then reads numbers of scripts from standard input: that script runs until it prints a
line that begins with "step", or to its end. So scripts take turns, here and in other processes, and
their times can be compared. What comes out in a turn, a line each:

    > TEXT      the script printed TEXT
    ! TEXT      the script stopped with an error, whose type and first line this is
    = JSON      the script is done; its losses, w and b, each in full
    .           the turn is over, and the script goes on in its next one
    /           the turn is over, and so is the script
"""

from __future__ import annotations

import json
import os
import sys
import threading


class Script:
    """A script in a thread of its own, which has default graphs of its own."""

    def __init__(self, path: str, folder: str) -> None:
        self._path, self._folder = path, folder
        self._turn, self._turn_over = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._is_over = False
        self._thread.start()

    def take_turn(self) -> bool:
        """Lets the script go on until it pauses; returns whether it has more to do."""
        os.chdir(self._folder)
        self._turn.release()
        self._turn_over.acquire()
        return not self._is_over

    def _print(self, *values: object, **_: object) -> None:
        """Stands in for `print` in the script."""
        text = " ".join(map(str, values))
        say("> " + text)
        if text.startswith("step"):
            self._turn_over.release()
            self._turn.acquire()

    def _run(self) -> None:
        self._turn.acquire()
        names = {"print": self._print, "__name__": "__main__", "__file__": self._path}
        try:
            with open(self._path, encoding="utf-8") as file:
                exec(compile(file.read(), self._path, "exec"), names)
            self._report(names)
        except Exception as error:
            kind, text = type(error).__name__, (str(error) or "no message").splitlines()[0]
            say(f"! {kind}: {text}")
        finally:
            self._is_over = True
            self._turn_over.release()

    def _report(self, names: dict[str, object]) -> None:
        if "losses" in names:
            found = {
                "losses": [float(loss) for loss in names["losses"]],  # type: ignore[attr-defined]
                "w": float(names["weight"]),  # type: ignore[arg-type]
                "b": float(names["bias"]),  # type: ignore[arg-type]
            }
            say("= " + json.dumps(found))


def say(line: str) -> None:
    """Writes a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(scripts: list[tuple[str, str]]) -> None:
    """Takes the turns that standard input asks for."""
    import shared.tensorflow_loading  # noqa: F401  TensorFlow without its chatter

    running = [Script(path, folder) for path, folder in scripts]
    say(".")
    for line in sys.stdin:
        say("." if running[int(line)].take_turn() else "/")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
