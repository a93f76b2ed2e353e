"""A launcher starts what a cluster has, and ends all of it in every case."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.errors import UsageError
from shared.tools.commands import spellings, workers
from shared.tools.workers.cluster import Cluster, Task, free_ports, on_loopback
from shared.tools.workers.launcher import ClusterError, Launcher
from shared.tools.workers.processes import Interpreter, Process

CHIEF, OTHER, SERVER = Task("worker", 0), Task("worker", 1), Task("ps", 0)
WORKER = CHIEF  # where the chief is no worker
SLEEP = "import time; time.sleep(100)"


def launcher(programs: Mapping[Task, str], folder: Path) -> Launcher:
    """Returns what runs a small program in place of each process."""
    cluster = on_loopback("tf1_style", 2, 1)

    def start(task: Task, tf_config: str, errors: Path) -> Interpreter:
        environment = {**os.environ, "TF_CONFIG": tf_config}
        return Interpreter([sys.executable, "-c", programs[task]], environment, errors)

    return Launcher(cluster, start, folder)


def nothing(task: Task, line: str) -> None:
    pass


def require_gone(processes: Mapping[Task, Process]) -> None:
    assert len(processes) == 3
    for process in processes.values():
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)


def test_a_server_is_ended_when_the_workers_have_finished(tmp_path: Path) -> None:
    tell = "import os; print(os.environ['TF_CONFIG']); print('done')"
    running = launcher({CHIEF: tell, OTHER: tell, SERVER: SLEEP}, tmp_path)
    lines: list[tuple[Task, str]] = []
    running.run(lambda task, line: lines.append((task, line)))
    assert [line for task, line in lines if task == CHIEF][1:] == ["done"]
    (config,) = (json.loads(line) for task, line in lines if task == OTHER and line != "done")
    assert config["task"] == {"type": "worker", "index": 1}
    assert {kind: len(a) for kind, a in config["cluster"].items()} == {"worker": 2, "ps": 1}
    require_gone(running.processes)


@pytest.mark.parametrize(
    ("chief", "message"),
    [
        ("import sys; sys.exit('error: a reason')", "worker 0: a reason"),
        ("import sys; sys.exit(3)", "worker 0: exit code 3"),
        ("1 / 0", "worker 0: ZeroDivisionError: division by zero"),
        (
            "import os; os.kill(os.getpid(), 9)",
            "worker 0: expected to finish, found that SIGKILL ended it",
        ),
    ],
)
def test_all_are_ended_when_one_fails(chief: str, message: str, tmp_path: Path) -> None:
    running = launcher({CHIEF: chief, OTHER: SLEEP, SERVER: SLEEP}, tmp_path)
    with pytest.raises(ClusterError) as error:
        running.run(nothing)
    assert str(error.value) == message
    require_gone(running.processes)


def test_a_server_that_ends_is_a_failure(tmp_path: Path) -> None:
    running = launcher({CHIEF: SLEEP, OTHER: SLEEP, SERVER: "pass"}, tmp_path)
    with pytest.raises(ClusterError, match=r"^ps 0: exit code 0$"):
        running.run(nothing)
    require_gone(running.processes)


def test_ctrl_c_ends_all(tmp_path: Path) -> None:
    running = launcher({CHIEF: SLEEP, OTHER: SLEEP, SERVER: SLEEP}, tmp_path)

    def interrupt(processes: Mapping[Task, Process]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        running.run(nothing, interrupt)
    require_gone(running.processes)


def test_a_process_that_is_stopped_is_ended_too(tmp_path: Path) -> None:
    running = launcher({CHIEF: "import sys; sys.exit(1)", OTHER: SLEEP, SERVER: SLEEP}, tmp_path)

    def stop(processes: Mapping[Task, Process]) -> None:
        if OTHER in processes:
            os.kill(processes[OTHER].pid, signal.SIGSTOP)

    with pytest.raises(ClusterError):
        running.run(nothing, stop)
    require_gone(running.processes)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_processes_end_with_a_launcher_that_is_killed(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from test_launcher import CHIEF, OTHER, SERVER, SLEEP, launcher, nothing

        def tell(processes):
            print(*(process.pid for process in processes.values()), flush=True)

        launcher({CHIEF: SLEEP, OTHER: SLEEP, SERVER: SLEEP}, Path(sys.argv[1])).run(nothing, tell)
    """)
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    pids = [int(pid) for pid in process.stdout.readline().split()]
    process.kill()
    process.communicate()
    assert len(pids) == 3
    deadline = time.monotonic() + 10
    while any(map(runs, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [pid for pid in pids if runs(pid)] == []


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # what its new parent has not waited for yet has ended


# ---- the cluster ----


@pytest.mark.slow
def test_a_worker_that_serves_a_chief_is_started_again(tmp_path: Path) -> None:
    cluster = on_loopback("tf2_style", 1, 1, pair="asynchronous_workers")
    begun: list[Task] = []

    def start(task: Task, tf_config: str, errors: Path) -> Interpreter:
        begun.append(task)
        worker = SLEEP if begun.count(WORKER) > 1 else "pass"
        programs = {"worker": worker, "ps": SLEEP, "chief": "import time; time.sleep(1)"}
        return Interpreter([sys.executable, "-c", programs[task.kind]], os.environ, errors)

    running = Launcher(cluster, start, tmp_path, restarts=1)
    running.run(nothing)
    assert begun == [SERVER, WORKER, Task("chief", 0), WORKER]
    require_gone(running.processes)
    with pytest.raises(ClusterError, match=r"^worker 0: exit code 0$"):
        begun.clear()
        Launcher(cluster, start, tmp_path).run(nothing)


def test_tensorflow_2_has_no_servers() -> None:
    assert len(on_loopback("tf1_style", 3, 2).tasks) == 5
    assert on_loopback("tf2_style", 3, 2).servers == ()


def test_ports_are_taken_in_order() -> None:
    cluster = on_loopback("tf1_style", 2, 1, [1, 2, 3])
    assert cluster == Cluster(("127.0.0.1:1", "127.0.0.1:2"), ("127.0.0.1:3",))
    with pytest.raises(UsageError, match="--ports: expected 3 ports, one a process; found 2"):
        on_loopback("tf1_style", 2, 1, [1, 2])


def test_free_ports_are_unlike() -> None:
    assert len(set(free_ports(50))) == 50


# ---- the command ----


def test_the_first_spellings_of_flags_are_still_understood() -> None:
    assert [spellings.style(text) for text in ("tf1", "tf1_style", "tf3")] == ["tf1", "tf1", "tf3"]
    assert [spellings.release(text) for text in ("1.15", "tf1.15")] == ["1.15", "1.15"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["nothing"],
            "MODEL: expected one of several_workers, asynchronous_workers; found 'nothing'",
        ),
        (["--workers", "65"], "--workers: expected at most 64, found 65"),
        (["--ports", "1,x"], "--ports: expected unlike ports such as 4000,4001, found 1,x"),
        (["--ports", "7,7"], "--ports: expected unlike ports such as 4000,4001, found 7,7"),
        (["--ports", "4000"], "--ports: expected 2 ports, one a process; found 1"),
        (["--tensorflow", "1.15"], "--tensorflow 1.15: expected --style tf1, found tf2"),
        (["--runtime", "tf1.15"], "--tensorflow 1.15: expected --style tf1, found tf2"),
    ],
)
def test_what_cannot_be_started_is_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from shared.tools.commands import main

    assert main(["workers", *arguments]) == 2
    assert capsys.readouterr().err == f"error: {message}\n"


@pytest.mark.parametrize(
    ("given", "model", "flags"),
    [
        ([], "several_workers", []),
        (["--", "--steps", "5"], "several_workers", ["--steps", "5"]),
        (
            ["asynchronous_workers", "--workers", "3", "--", "--steps", "5", "--"],
            "asynchronous_workers",
            ["--steps", "5", "--"],
        ),
    ],
)
def test_flags_of_the_model_come_last(given: list[str], model: str, flags: list[str]) -> None:
    parser = argparse.ArgumentParser()
    workers.add_parser(parser.add_subparsers())
    parsed = parser.parse_args(["workers", *given])
    assert (parsed.model, parsed.flags) == (model, flags)


def command(*arguments: str) -> subprocess.CompletedProcess[Any]:
    return subprocess.run(
        [sys.executable, "-m", "shared.tools.commands", "workers", *arguments],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=400,
    )


def trained(folder: Path, *arguments: str) -> str:
    flags = ["--steps", "20", "--report-every", "10", "--trace", str(folder / "trace.npz")]
    done = command(*arguments, "--", *flags, "--checkpoint-dir", str(folder / "saved"))
    assert (done.returncode, done.stderr) == (0, "")
    printed: str = done.stdout
    return printed


@pytest.mark.slow
@pytest.mark.tf115
def test_clusters_of_real_tensorflow_1_and_of_tensorflow_2_agree(tmp_path: Path) -> None:
    import numpy as np

    from shared.trace_recorder import read_trace
    from tf115_environment import require_tf115

    require_tf115()
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
    printed = trained(old, "--style", "tf1", "--tensorflow", "1.15")
    assert "worker 0: step 20 of 20" in printed and "checkpoint saved in" in printed
    assert "worker 0: step 20 of 20" in trained(new)
    parts = [read_trace(old / name).losses for name in ("trace.npz", "trace-worker1.npz")]
    whole = read_trace(new / "trace.npz").losses
    # Each sum of 50 float32 losses may be off by 50 roundings of 6e-8, in both.
    np.testing.assert_allclose(np.mean(parts, axis=0), whole, rtol=6e-6)


@pytest.mark.slow
def test_ctrl_c_of_the_command(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "shared.tools.commands", "workers", "--", "--steps", "1000000",
         "--report-every", "5", "--checkpoint-dir", str(tmp_path / "saved")],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    while " 5 of 1000000" not in (line := process.stdout.readline()):
        assert line, process.communicate()[1]
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "stopped; the same command goes on from the last checkpoint\n"
