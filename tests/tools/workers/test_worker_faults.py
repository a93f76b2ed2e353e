"""A cluster that cannot work ends with one line after a stated time, and leaves nothing behind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clusters import run_module as run

pytestmark = pytest.mark.slow  # each fault waits for seconds
PATIENCE = 4.0  # worker_faults.PATIENCE
# On a busy computer the processes start slowly; without patience they would wait for ever.
LATEST = 60.0


@pytest.fixture(scope="module", params=["tf1_style", "tf2_style"])
def faults(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("worker_faults", request.param))
    return {"style": request.param, **found}


def test_a_worker_that_never_comes_ends_the_others(faults: dict[str, Any]) -> None:
    found = faults["worker never comes"]
    assert found["error"].startswith("worker 0: expected ")
    assert found["error"].endswith(" within 4 s, found that not all other processes answer")
    assert PATIENCE <= found["seconds"] < LATEST
    assert found["left"] == []


def test_a_server_that_never_comes_ends_the_workers(faults: dict[str, Any]) -> None:
    if faults["style"] == "tf2_style":
        assert "server never comes" not in faults  # there are no parameter servers
        return
    found = faults["server never comes"]
    assert " expected all processes of the cluster within 4 s, found that" in found["error"]
    assert PATIENCE <= found["seconds"] < LATEST
    assert found["left"] == []


def test_a_second_cluster_is_refused(faults: dict[str, Any]) -> None:
    found = faults["second cluster"]
    assert "expected a folder that no other process trains into, found one" in found["error"]
    assert found["lines"] == found["left"] == []


def test_a_port_that_is_taken_is_named(faults: dict[str, Any]) -> None:
    found = faults["port taken"]
    assert found["error"].startswith("worker 1: TF_CONFIG: worker 1: expected that port ")
    assert found["error"].endswith(" can be listened on, found: Address already in use")
    assert found["left"] == []


def test_fit_does_not_run_on_several_workers(faults: dict[str, Any]) -> None:
    # When this fails, Keras has learned it: then the page on several workers must say so.
    if faults["style"] == "tf1_style":
        assert "fit" not in faults
        return
    assert len(faults["fit"]["lines"]) == 2
    assert all(line.startswith("raised ValueError Attempt to") for line in faults["fit"]["lines"])
    (line,) = faults["fit with servers"]["lines"]
    assert line.startswith("raised ValueError To use this dataset, you need to pass")


def test_servers_listen_on_all_interfaces(faults: dict[str, Any]) -> None:
    # Whatever address they are given: what docs/guide/workers.md warns of.
    if faults["style"] == "tf2_style":
        assert faults["listening"]["lines"][0].strip("0") == "listens "


@pytest.mark.slow
@pytest.mark.parametrize("style", ["tf1_style", "tf2_style"])
def test_killed_clusters_resume_to_the_same_bits(style: str) -> None:
    flags = ["--pair", "several_workers", "--style", style, "--kills", "6"]
    printed = run("torture.workers", *flags, timeout=900)
    assert f"several_workers, {style}: 6 kills (" in printed
    assert "6 resumed runs bit-equal, 0 refused in one line, 0 wrong" in printed
