"""What is generated of the page "Your own model": commands with what they printed."""

from __future__ import annotations

from measuring.own_model import COMMANDS, FOLDER
from pair_pages.generated.ladder import diff
from pair_pages.markdown_text import code
from pair_pages.numbers.measured import measured

NAMES = tuple(COMMANDS)
_TABLE = "relative difference"  # what `pairs compare` says above its table, which is left out


def environment() -> str:
    """Returns which TensorFlow ran the old program."""
    if measured("own_model")["tf115"]:
        return "The old program was run by real TensorFlow 1.15 here.\n"
    return (
        "There was no TensorFlow 1.15 when this page was built (`make tf115` installs it): the old "
        "program was run by `compat.v1` of the installed TensorFlow.\n"
    )


def program() -> str:
    """Returns the old program with its recording."""
    return code((FOLDER / "old.py").read_text(encoding="utf-8"))


def correction() -> str:
    """Returns what the comparison led to: the first port beside the corrected one."""
    texts = [(FOLDER / name).read_text(encoding="utf-8") for name in ("first_port.py", "new.py")]
    return diff(texts[0], texts[1], "new.py")


def step(name: str) -> str:
    """Returns a command with what it printed, without the table of how a difference grows."""
    done = measured("own_model")["done"][name]
    text, table, _ = done["output"].rstrip().partition(_TABLE)
    shown = [text.rstrip(), *(["..."] if table else [])]
    exit_code = [f"(exit code {done['code']})"] if done["code"] else []
    return code("\n".join([f"$ {done['command']}", *shown, *exit_code]), "text")
