"""What a process of a cluster is: its role from TF_CONFIG, its share of a batch, its patience."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
import sys
from typing import Any, Mapping, NoReturn, Sequence

from shared.errors import UsageError
from shared.program.display import shown

VARIABLE = "TF_CONFIG"
_FORM = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'


@dataclasses.dataclass(frozen=True)
class Role:
    """One process of a cluster; without TF_CONFIG it is the only one, worker 0 of 1.

    Attributes:
        kind: "worker", "ps" for a parameter server, or "chief" where the chief is no worker.
        index: its place among those of its kind; worker 0 is the chief, which saves and reports.
        cluster: the addresses "host:port" by kind; empty without a cluster.
    """

    kind: str
    index: int
    cluster: Mapping[str, list[str]]

    @property
    def is_chief(self) -> bool:
        """Whether it is the process that saves and reports."""
        return self.index == 0 and self.kind == ("chief" if "chief" in self.cluster else "worker")

    @property
    def serves(self) -> bool:
        """Whether it does what others send it, until it is ended: a worker that has a chief too."""
        return self.kind == "ps" or ("chief" in self.cluster and not self.is_chief)

    @property
    def name(self) -> str:
        """As messages call it: worker 1."""
        return f"{self.kind} {self.index}"

    @property
    def address(self) -> str:
        """Where it listens, "host:port"; "" without a cluster."""
        return self.cluster[self.kind][self.index] if self.cluster else ""


def role_of(
    environment: Mapping[str, str] = os.environ, required: Sequence[str] = ("worker",)
) -> Role:
    """Returns the role that TF_CONFIG gives this process.

    Args:
        environment: holds TF_CONFIG, or not.
        required: the kinds of process that a cluster must have; "ps" it may have.

    Raises:
        UsageError: TF_CONFIG is no JSON of that form, its cluster has other kinds of process, or
            its task is not in its cluster.
    """
    text = environment.get(VARIABLE, "")
    if not text:
        return Role("worker", 0, {})
    try:
        found = json.loads(text)
        cluster = {kind: list(addresses) for kind, addresses in found["cluster"].items()}
        kind, index = str(found["task"]["type"]), int(found["task"]["index"])
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError):
        _refuse(_FORM, text)
    for addresses in cluster.values():
        for address in addresses:
            _require_address(address)
    if not set(cluster) <= {*required, "ps"} or not all(map(cluster.get, required)):
        kinds = " and ".join(f'"{one}"' for one in required)
        more = "" if "ps" in required else ', and of "ps" where the style has them'
        _refuse(f"a cluster of {kinds}{more}", list(cluster))
    if len(cluster.get("chief", [])) > 1:
        _refuse("one chief", len(cluster["chief"]))
    if kind not in cluster or not 0 <= index < len(cluster[kind]):
        _refuse("a task of the cluster", f"{kind} {index}")
    return Role(kind, index, cluster)


def _require_address(address: Any) -> None:
    host, _, port = str(address).rpartition(":")
    if not (host and port.isdigit() and 0 < int(port) < 65536):
        _refuse("addresses host:port", address)


def _refuse(expected: str, found: Any) -> NoReturn:
    raise UsageError(f"{VARIABLE}: expected {expected}, found {shown(found)}")


def require_free_port(role: Role) -> None:
    """Raises UsageError when another program listens on the port of this process.

    TensorFlow would say no more than "Could not start gRPC server".
    """
    if not role.address:
        return
    port = int(role.address.rpartition(":")[2])
    with socket.socket() as probe:
        # As gRPC does; a port that an ended process has left in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))  # all interfaces, for that is where TensorFlow listens
        except OSError as error:
            raise UsageError(
                f"{VARIABLE}: {role.name}: expected that port {port} can be listened on, "
                f"found: {error.strerror}"
            ) from error


# Ends the process of argv[1] when a line on standard input, "SECONDS MESSAGE", is followed by no
# other line in that time. An empty line ends the wait.
_WATCH = r"""
import os, select, signal, sys
text, seconds, message = b"", None, b""
while True:
    if not select.select([0], [], [], seconds)[0]:
        os.write(2, message + b"\n")
        os.kill(int(sys.argv[1]), signal.SIGKILL)
        break
    block = os.read(0, 65536)
    if not block:
        break
    *lines, text = (text + block).split(b"\n")
    if lines:
        number, _, message = lines[-1].partition(b" ")
        seconds = float(number) if number else None
"""


class Patience:
    """Ends this process with one line, and SIGKILL, when the others do not answer within a time.

    TensorFlow waits without an end for a process that never comes or has gone. It waits in C++ and
    may keep Python's lock meanwhile, so neither an exception nor a thread could end it; and it
    catches SIGTERM. So another process watches, and kills.
    """

    def __init__(self, seconds: float, role: Role) -> None:
        """Takes the seconds that one wait may take; without a cluster nothing is waited for."""
        self._seconds, self._role = seconds, role
        self._watcher: subprocess.Popen[bytes] | None = None
        if role.cluster:
            command = [sys.executable, "-I", "-S", "-c", _WATCH, str(os.getpid())]
            self._watcher = subprocess.Popen(command, stdin=subprocess.PIPE)

    def expect(self, what: str) -> None:
        """Starts a new wait; `what` is to happen within the time."""
        self._tell(
            f"{self._seconds} error: {self._role.name}: expected {what} within "
            f"{self._seconds:g} s, found that not all other processes answer"
        )

    def rest(self) -> None:
        """Ends the wait: what was expected has happened."""
        self._tell("")

    def close(self) -> None:
        """Ends the watcher."""
        if self._watcher is not None:
            assert self._watcher.stdin is not None
            self._watcher.stdin.close()
            self._watcher.wait()
            self._watcher = None

    def _tell(self, line: str) -> None:
        if self._watcher is not None:
            assert self._watcher.stdin is not None
            self._watcher.stdin.write(line.encode() + b"\n")
            self._watcher.stdin.flush()
