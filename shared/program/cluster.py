"""What a process of a cluster is: its role from TF_CONFIG, its share of a batch, its patience."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from typing import Any, Callable, Mapping, NamedTuple, NoReturn

from shared.errors import UsageError
from shared.program.display import shown

VARIABLE = "TF_CONFIG"
_FORM = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'


class Role(NamedTuple):
    """One process of a cluster; without TF_CONFIG it is the only one, worker 0 of 1.

    Attributes:
        kind: "worker", or "ps" for a parameter server.
        index: its place among those of its kind; worker 0 is the chief, which saves and reports.
        cluster: the addresses "host:port" by kind; empty without a cluster.
    """

    kind: str
    index: int
    cluster: Mapping[str, list[str]]

    @property
    def is_chief(self) -> bool:
        """Whether it is the worker that saves and reports."""
        return self.kind == "worker" and self.index == 0

    @property
    def name(self) -> str:
        """As messages call it: worker 1."""
        return f"{self.kind} {self.index}"

    @property
    def address(self) -> str:
        """Where it listens, "host:port"; "" without a cluster."""
        return self.cluster[self.kind][self.index] if self.cluster else ""


def role_of(environment: Mapping[str, str] = os.environ) -> Role:
    """Returns the role that TF_CONFIG gives this process.

    Raises:
        UsageError: TF_CONFIG is no JSON of that form, or its task is not in its cluster.
    """
    text = environment.get(VARIABLE, "")
    if not text:
        return Role("worker", 0, {})
    try:
        found = json.loads(text)
        cluster = {kind: list(addresses) for kind, addresses in found["cluster"].items()}
        kind, index = found["task"]["type"], int(found["task"]["index"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        _refuse(_FORM, text)
    for addresses in cluster.values():
        for address in addresses:
            _require_address(address)
    if not set(cluster) <= {"worker", "ps"} or not cluster.get("worker"):
        _refuse('a cluster of "worker", and of "ps" where the style has them', list(cluster))
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


class Patience:
    """Ends this process with one line when the others do not answer within a time.

    TensorFlow waits without an end for a process that never comes or has gone. It waits in C++, so
    no exception could be raised there: a thread watches, and ends the process.
    """

    def __init__(self, seconds: float, role: Role, end: Callable[[int], Any] = os._exit) -> None:
        """Takes the seconds that one wait may take."""
        self._seconds, self._role, self._end = seconds, role, end
        self._timer: threading.Timer | None = None

    def expect(self, what: str) -> None:
        """Starts a new wait; `what` is to happen within the time."""
        self.rest()
        if self._role.cluster:
            self._timer = threading.Timer(self._seconds, self._give_up, [what])
            self._timer.daemon = True
            self._timer.start()

    def rest(self) -> None:
        """Ends the wait: what was expected has happened."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self, what: str) -> None:
        print(
            f"error: {self._role.name}: expected {what} within {self._seconds:g} s, found that "
            "not all other processes answer",
            file=sys.stderr,
            flush=True,
        )
        self._end(2)
