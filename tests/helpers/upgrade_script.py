"""Runs the installed tf_upgrade_v2 on a text."""

from __future__ import annotations

import contextlib
import io


def converted(script: str) -> str:
    """What the installed `tf_upgrade_v2` makes of a script, with its default settings."""
    from tensorflow.tools.compatibility import ast_edits, tf_upgrade_v2

    upgrader = ast_edits.ASTCodeUpgrader(tf_upgrade_v2.TFAPIChangeSpec(import_rename=False))
    output = io.StringIO()
    with contextlib.redirect_stdout(None):  # it reports each symbol that it renamed
        upgrader.process_opened_file("script.py", io.StringIO(script), "script.py", output)
    return output.getvalue()
