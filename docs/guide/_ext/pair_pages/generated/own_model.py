"""What is generated of the page "Your own model": commands with what they printed."""

from __future__ import annotations

from measuring.own_model import COMMANDS, FOLDER
from pair_pages.generated.ladder import diff
from pair_pages.markdown_text import code
from pair_pages.numbers.measured import measured

NAMES = tuple(COMMANDS)


def environment() -> str:
    """Returns which TensorFlow ran the old program."""
    if measured("own_model")["tf115"]:
        return "The old program was run by real TensorFlow 1.15 here.\n"
    return (
        "There was no TensorFlow 1.15 when this page was built (`make tf115` installs it): the old "
        "program was run by `compat.v1` of the installed TensorFlow.\n"
    )


def program() -> str:
    """Returns the old program."""
    return code((FOLDER / "old.py").read_text(encoding="utf-8"))


def correction() -> str:
    """Returns what the check led to: the first port beside the corrected one."""
    texts = [(FOLDER / name).read_text(encoding="utf-8") for name in ("first_port.py", "new.py")]
    return diff(texts[0], texts[1], "new.py")


def step(name: str) -> str:
    """Returns a command with what it printed."""
    done = measured("own_model")["done"][name]
    exit_code = [f"(exit code {done['code']})"] if done["code"] else []
    printed = [done["output"].rstrip()] if done["output"].strip() else []
    return code("\n".join([f"$ {done['command']}", *printed, *exit_code]), "text")
