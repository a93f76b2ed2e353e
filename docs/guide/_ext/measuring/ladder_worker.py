"""Runs one script of the ladder, in a process of its own; also under Python 3.7.

Whenever the script prints a line that begins with "step", it waits for a line on standard input:
so several scripts take turns, and their times can be compared. What comes out, a line each:

    > TEXT      the script printed TEXT
    ! TEXT      the script stopped with an error, whose type and first line this is
    = JSON      the script is done; its losses, w and b, each in full
"""

from __future__ import annotations

import json
import runpy
import sys


def say(*values: object, **_: object) -> None:
    """Stands in for `print` in the script."""
    text = " ".join(map(str, values))
    sys.stdout.write("> " + text + "\n")
    sys.stdout.flush()
    if text.startswith("step"):
        sys.stdin.readline()


def main(script: str) -> None:
    """Runs the script and writes what came out."""
    import shared.tensorflow_loading  # noqa: F401  TensorFlow without its chatter

    sys.stdin.readline()  # everyone has loaded TensorFlow before the first begins
    try:
        names = runpy.run_path(script, init_globals={"print": say})
    except Exception as error:
        kind, text = type(error).__name__, str(error).splitlines()[0]
        sys.stdout.write(f"! {kind}: {text}\n")
        return
    if "losses" in names:
        found = {
            "losses": [float(loss) for loss in names["losses"]],
            "w": float(names["weight"]),
            "b": float(names["bias"]),
        }
        sys.stdout.write("= " + json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
