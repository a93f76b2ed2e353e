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

    kind: str  # worker, or ps for a parameter server
    index: int

    def __str__(self) -> str:
        """As messages call it: worker 1."""
        return f"{self.kind} {self.index}"


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The addresses "host:port" of all processes."""

    workers: tuple[str, ...]
    servers: tuple[str, ...] = ()  # parameter servers, which TensorFlow 1 style has

    @property
    def tasks(self) -> list[Task]:
        """All processes, parameter servers first."""
        servers = [Task("ps", index) for index in range(len(self.servers))]
        return servers + [Task("worker", index) for index in range(len(self.workers))]

    def tf_config(self, task: Task) -> str:
        """Returns the TF_CONFIG of one process."""
        addresses = {"worker": self.workers, **({"ps": self.servers} if self.servers else {})}
        return json.dumps({"cluster": addresses, "task": {"type": task.kind, "index": task.index}})


def on_loopback(style: str, workers: int, servers: int, ports: Sequence[int] = ()) -> Cluster:
    """Returns a cluster on this computer.

    Args:
        style: tf1_style or tf2_style.
        workers: processes that compute gradients.
        servers: parameter servers; TensorFlow 2 style has none.
        ports: one for each process, workers first; empty for free ones.

    Raises:
        UsageError: another number of ports than of processes.
    """
    servers = servers if style == "tf1_style" else 0
    count = workers + servers
    if ports and len(ports) != count:
        raise UsageError(f"--ports: expected {count} ports, one a process; found {len(ports)}")
    addresses = [f"{LOOPBACK}:{port}" for port in ports or free_ports(count)]
    return Cluster(tuple(addresses[:workers]), tuple(addresses[workers:]))


def free_ports(count: int) -> list[int]:
    """Returns ports that nobody listens on; somebody may before they are used."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("", 0))  # all at once: no port comes twice
        return [probe.getsockname()[1] for probe in probes]
