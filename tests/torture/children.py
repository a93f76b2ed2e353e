"""Child processes that save, in a process that has imported TensorFlow and started nothing of it.

A fork after TensorFlow has made threads hangs; right after the import it does not, and spares the
seconds of the import. So all forks come before anything is restored in this process.
"""

from __future__ import annotations

import os
import select
import signal
import time
import traceback
from collections.abc import Callable

TIMEOUT = 120.0  # seconds until a child counts as hung

Tell = Callable[[str], None]


class Child:
    """A forked process that runs `work` and tells lines."""

    def __init__(self, work: Callable[[Tell], None]) -> None:
        """Starts it; `work` takes a function that sends a line to this process."""
        reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reading)
            self._run(work, writing)
        os.close(writing)
        self._pipe, self._text = reading, b""

    @staticmethod
    def _run(work: Callable[[Tell], None], writing: int) -> None:
        try:

            def tell(line: str) -> None:
                os.write(writing, f"{line}\n".encode())

            work(tell)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    def line(self, seconds: float = TIMEOUT) -> str | None:
        """Returns the next line; "" at the end of the child, None when there is none in time."""
        end = time.monotonic() + seconds
        while b"\n" not in self._text:
            ready, _, _ = select.select([self._pipe], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                return None
            block = os.read(self._pipe, 65536)
            if not block:
                return ""
            self._text += block
        line, _, self._text = self._text.partition(b"\n")
        return line.decode()

    def lines(self) -> list[str]:
        """Returns all lines until the child ends; raises TimeoutError when it hangs."""
        lines = []
        while line := self.line():
            lines.append(line)
        if line is None:
            self.kill()
            raise TimeoutError("a child process hangs")
        self._end()
        return lines

    def kill(self) -> None:
        """Ends it with SIGKILL: nothing in it runs any more."""
        os.kill(self.pid, signal.SIGKILL)
        self._end()

    def _end(self) -> None:
        os.waitpid(self.pid, 0)
        os.close(self._pipe)
