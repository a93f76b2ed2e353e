"""Starts the processes of a cluster as forks of this one, which spares each the import.

For tests and measurements, which start hundreds. This process must have imported a style and run
nothing of TensorFlow: a fork after TensorFlow has made threads hangs.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from shared.tools.workers.processes import die_with_parent


class Fork:
    """A fork of this process that runs a function and exits with what it returns."""

    def __init__(self, work: Callable[[], int], tf_config: str, errors: Path) -> None:
        """Starts it.

        Args:
            work: runs in the fork; returns the exit code.
            tf_config: the TF_CONFIG of the fork.
            errors: the file that its standard error goes to.
        """
        reading, writing = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        self.output = reading
        self._code: int | None = None
        if self.pid == 0:
            _run(work, tf_config, errors, writing)
        os.close(writing)

    def poll(self) -> int | None:
        """Returns None while it runs; then its exit code, or minus the signal that ended it."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code


def _run(work: Callable[[], int], tf_config: str, errors: Path, output: int) -> None:
    """Ends the process in every case: nothing of what forked it may run on in it."""
    code = 1
    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT):  # the launcher's own are inherited
            signal.signal(number, signal.SIG_DFL)
        ask = die_with_parent()
        if ask:
            ask()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), 2)
        os.environ["TF_CONFIG"] = tf_config
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
