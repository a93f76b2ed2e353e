"""Which processes a cluster has, where they listen, and the TF_CONFIG that tells each of them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
from collections.abc import Sequence

from shared.errors import UsageError

LOOPBACK = "127.0.0.1"


@dataclasses.dataclass(frozen=True)
class Task:
    """One process of a cluster."""

    kind: str  # worker, ps for a parameter server, or chief
    index: int

    def __str__(self) -> str:
        """As messages call it: worker 1."""
        return f"{self.kind} {self.index}"


CHIEF = Task("chief", 0)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The addresses "host:port" of all processes."""

    workers: tuple[str, ...]
    servers: tuple[str, ...] = ()  # parameter servers
    chief: str = ""  # where the chief is no worker

    @property
    def tasks(self) -> list[Task]:
        """All processes, parameter servers first, and a chief that is no worker last."""
        servers = [Task("ps", index) for index in range(len(self.servers))]
        workers = [Task("worker", index) for index in range(len(self.workers))]
        return [*servers, *workers, *([CHIEF] if self.chief else [])]

    def serves(self, task: Task) -> bool:
        """Returns whether a process does what others send it, until it is ended."""
        return task.kind == "ps" or (bool(self.chief) and task != CHIEF)

    def tf_config(self, task: Task) -> str:
        """Returns the TF_CONFIG of one process."""
        all_addresses = {
            "chief": [self.chief] if self.chief else [],
            "worker": self.workers,
            "ps": self.servers,
        }
        addresses = {kind: found for kind, found in all_addresses.items() if found}
        return json.dumps({"cluster": addresses, "task": {"type": task.kind, "index": task.index}})


def on_loopback(
    style: str,
    workers: int,
    servers: int,
    ports: Sequence[int] = (),
    pair: str = "several_workers",
) -> Cluster:
    """Returns a cluster on this computer.

    Args:
        style: tf1_style or tf2_style.
        workers: processes that compute gradients.
        servers: parameter servers; TensorFlow 2 style has none in `several_workers`.
        ports: one for each process, workers first, a chief that is no worker last; empty for free
            ones.
        pair: several_workers or asynchronous_workers.

    Raises:
        UsageError: another number of ports than of processes.
    """
    waits = pair == "several_workers"
    servers = 0 if waits and style == "tf2_style" else servers
    has_chief = not waits and style == "tf2_style"
    count = workers + servers + has_chief
    if ports and len(ports) != count:
        raise UsageError(f"--ports: expected {count} ports, one a process; found {len(ports)}")
    addresses = [f"{LOOPBACK}:{port}" for port in ports or free_ports(count)]
    chief = addresses.pop() if has_chief else ""
    return Cluster(tuple(addresses[:workers]), tuple(addresses[workers:]), chief)


def free_ports(count: int) -> list[int]:
    """Returns ports that nobody listens on; somebody may before they are used."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("", 0))  # all at once: no port comes twice
        return [probe.getsockname()[1] for probe in probes]
