"""What a process of a cluster reads from TF_CONFIG, and what it does when nobody answers."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time

import pytest

from shared.errors import UsageError
from shared.program.cluster import Patience, Role, require_free_port, role_of

CLUSTER = {"worker": ["127.0.0.1:4000", "host:4001"], "ps": ["[::1]:4002"]}


def config(kind: object, index: object, cluster: object = None) -> dict[str, str]:
    task = {"type": kind, "index": index}
    return {"TF_CONFIG": json.dumps({"cluster": cluster or CLUSTER, "task": task})}


def test_a_role_is_read() -> None:
    chief, server = role_of(config("worker", 0)), role_of(config("ps", 0))
    assert (chief.name, chief.is_chief, chief.address) == ("worker 0", True, "127.0.0.1:4000")
    assert (server.name, server.is_chief, server.address) == ("ps 0", False, "[::1]:4002")
    assert not role_of(config("worker", 1)).is_chief


def test_a_chief_of_its_own_is_read() -> None:
    with_chief = {"chief": ["a:1"], "worker": ["b:2", "b:3"], "ps": ["c:4"]}
    kinds = ("chief", "worker", "ps")
    chief, worker, server = (
        role_of(config(kind, 0, with_chief), kinds) for kind in ("chief", "worker", "ps")
    )
    assert [role.is_chief for role in (chief, worker, server)] == [True, False, False]
    assert [role.serves for role in (chief, worker, server)] == [False, True, True]
    without = role_of(config("worker", 0))
    assert without.is_chief and not without.serves


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ({"worker": ["a:1"], "ps": ["b:2"]}, '"chief" and "worker" and "ps", found'),
        ({"worker": ["a:1"], "chief": ["b:2"]}, '"chief" and "worker" and "ps", found'),
        ({"worker": ["a:1"], "chief": ["b:2", "c:3"], "ps": ["d:4"]}, "one chief, found 2"),
    ],
)
def test_a_cluster_without_what_it_needs_is_refused(cluster: object, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        role_of(config("worker", 0, cluster), ("chief", "worker", "ps"))


def test_without_tf_config_it_is_alone() -> None:
    assert role_of({}) == Role("worker", 0, {})
    assert role_of({}).is_chief and role_of({}).address == ""


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({"TF_CONFIG": "{"}, "found {"),
        ({"TF_CONFIG": "[]"}, r"found \[\]"),
        ({"TF_CONFIG": '{"cluster": {"worker": 3}, "task": {}}'}, "found {"),
        (config("worker", 2), "found worker 2"),
        (config("worker", -1), "found worker -1"),
        (config("evaluator", 0), "found evaluator 0"),
        (config("worker", 0, {"worker": ["nowhere"]}), "found nowhere"),
        (config("worker", 0, {"worker": ["host:99999"]}), "found host:99999"),
        (config("ps", 0, {"ps": ["host:1"]}), "found"),
        (config("chief", 0, {"chief": ["host:1"], "worker": ["host:2"]}), "found"),
        ({"TF_CONFIG": "\x1b[31m"}, r"found \\x1b\[31m"),
    ],
)
def test_a_wrong_tf_config_is_refused(environment: dict[str, str], found: str) -> None:
    with pytest.raises(UsageError, match=f"^TF_CONFIG: expected .*{found}"):
        role_of(environment)


def test_a_port_that_is_taken_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        role = Role("worker", 0, {"worker": [f"127.0.0.1:{port}"]})
        with pytest.raises(UsageError, match=rf"worker 0: expected that port {port} can be"):
            require_free_port(role)
    require_free_port(role)  # free again


IMPATIENT = """
import ctypes
from shared.program.cluster import Patience, Role
patience = Patience(0.2, Role("worker", 1, {"worker": ["a:1", "b:2"]}))
patience.expect("step 6")
patience.rest()
patience.expect("step 7")
ctypes.PyDLL(None).sleep(60)  # keeps Python's lock, as TensorFlow may
"""


def test_patience_ends_the_process_with_one_line() -> None:
    done = subprocess.run([sys.executable, "-c", IMPATIENT], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    assert done.stderr == (
        "error: worker 1: expected step 7 within 0.2 s, found that not all other processes answer\n"
    )


def test_patience_that_rests_or_is_alone_ends_nothing() -> None:
    for role in (Role("worker", 1, {"worker": ["a:1", "b:2"]}), Role("worker", 0, {})):
        patience = Patience(0.05, role)
        patience.expect("a step")
        patience.expect("another")
        patience.rest()
        time.sleep(0.3)
        patience.close()
