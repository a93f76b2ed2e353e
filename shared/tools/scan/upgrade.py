"""What `tf_upgrade_v2` of the installed TensorFlow does with the symbols of a project.

The real script is run, as a library, on a text with one small call of each symbol. It matches
names as they are written: only what begins with `tf.` in the scanned code is seen by it.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shared.tools.scan import trying
from shared.tools.scan.images import RESIZING

if TYPE_CHECKING:
    from shared.tools.scan.project import Finding, Scan

_FORM = 1
_NAME = re.compile(r"^tf(\.[A-Za-z_]\w*)+$")


@dataclass(frozen=True)
class Summary:
    """What the script would do.

    Attributes:
        seen: uses that are written `tf.…`, which is what it looks at.
        missed: uses that it does not see: aliases, methods, getattr.
        native: uses that it rewrites to TensorFlow 2's own names.
        compat: uses that it rewrites to `tf.compat.v1`.
        left: uses that it sees and leaves as they are.
        still_gone: uses that it sees and that are gone after it, too, whatever it writes.
        numbers: the places where its rewrite changes numbers, with what it writes and why.
        rewrites: by symbol, what it writes for `tf.NAME(x)`.
    """

    seen: int
    missed: int
    native: int
    compat: int
    left: int
    still_gone: int
    numbers: tuple[tuple[Finding, str, str], ...]
    rewrites: dict[str, str]


def summarize(scan: Scan) -> Summary:
    """Returns what the script would do with the uses of a scan; may load TensorFlow."""
    uses = [use for use in scan.of("use") if use.form != "import"]
    seen = [use for use in uses if use.form == "name" and use.written == use.name]
    after = rewrites(use.name for use in seen)
    native = [use for use in seen if _is_native(use, after)]
    compat = [use for use in seen if "tf.compat.v1." in after[use.name]]
    left = [use for use in seen if after[use.name] == f"{use.name}(x)"]
    return Summary(
        seen=len(seen),
        missed=len(uses) - len(seen),
        native=len(native),
        compat=len(compat),
        left=len(left),
        still_gone=sum(
            use.kind in ("gone", "with legacy Keras") and not _is_native(use, after) for use in seen
        ),
        numbers=tuple(
            (use, after[use.name], RESIZING[use.name]) for use in seen if use.name in RESIZING
        ),
        rewrites=after,
    )


def _is_native(use: Finding, after: dict[str, str]) -> bool:
    text = after[use.name]
    return text != f"{use.name}(x)" and "tf.compat.v1." not in text


def rewrites(names: Iterable[str]) -> dict[str, str]:
    """Returns what the script writes for `NAME(x)`, by name; a name starts with "tf."."""
    wanted = sorted({name for name in names if _NAME.match(name)})
    kept = _read()
    missing = [name for name in wanted if name not in kept]
    if missing:
        kept.update(zip(missing, _run(missing), strict=True))
        _write(kept)
    return {name: kept[name] for name in wanted}


def _run(names: Sequence[str]) -> list[str]:
    """What the script makes of one call of each name."""
    from shared.tensorflow_loading import load_tensorflow

    load_tensorflow()
    from tensorflow.tools.compatibility import ast_edits, tf_upgrade_v2

    upgrader = ast_edits.ASTCodeUpgrader(tf_upgrade_v2.TFAPIChangeSpec())
    found = []
    for name in names:
        text = f"import tensorflow as tf\n{name}(x)\n"
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it logs
            done, new, _, _ = upgrader.update_string_pasta(text, "call.py")
        lines = new.splitlines() if done else []
        found.append(" ".join(lines[1:]) or f"{name}(x)")
    return found


def _read() -> dict[str, str]:
    try:
        table = json.loads(_cache_file().read_text(encoding="utf-8"))
        if table["form"] != _FORM:
            return {}
        return {str(name): str(text) for name, text in table["rewrites"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none, or damaged
        return {}


def _write(table: dict[str, str]) -> None:
    trying.write_cache(_cache_file(), {"form": _FORM, "rewrites": table})


def _cache_file() -> Path:
    return trying.cache_folder() / f"upgrade-script-{trying.version()}.json"
