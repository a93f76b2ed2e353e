"""How a command ends when a signal asks it to: as by an exception, and what it started with it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from typing import Any, Iterator

_ASKS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C; `kill`; the terminal is closed
_PATIENCE = 5.0  # seconds for a process to end by itself
_children: set[Any] = set()  # of subprocess.Popen, which other threads may wait for
_blocks: list[Any] = []  # the handlers of the open blocks of `exit_on_signals`
_leaving: list[int] = []  # the signals that have come while one of them is open


@contextlib.contextmanager
def exit_on_signals() -> Iterator[None]:
    """Lets signals end the process as an exception does: what is open is closed and removed.

    SIGINT raises KeyboardInterrupt, SIGTERM and SIGHUP SystemExit with the code that a shell gives
    them, 143 and 129. Before that, the processes of `ended_with_this` are asked to end: whoever
    waits for them, in any thread, goes on. A signal that is ignored, as SIGHUP is under `nohup`,
    stays ignored.
    """

    def leave(number: int, frame: Any) -> None:
        _leaving.append(number)
        for process in list(_children):
            process.terminate()
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(128 + number)

    _blocks.append(leave)
    before = {}
    with contextlib.suppress(ValueError):  # not in the main thread, which alone gets signals
        for number in _ASKS:
            if signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _blocks.remove(leave)
        if not _blocks:
            _leaving.clear()


@contextlib.contextmanager
def ended_with_this(process: Any) -> Iterator[None]:
    """Ends a `subprocess.Popen` when the block ends.

    Inside `exit_on_signals` a signal asks it to end at once, also one that came just before.
    """
    _children.add(process)
    if _leaving:
        process.terminate()
    try:
        yield
    finally:
        _children.discard(process)
        if process.poll() is None:
            end(process, signal.SIGTERM)


def end(process: Any, asks: int) -> None:
    """Asks a `subprocess.Popen` to end by a signal; ends it if it has not some seconds later."""
    process.send_signal(asks)
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        pass
    finally:  # also where another signal interrupts the wait
        if process.poll() is None:
            process.kill()
            process.wait()
