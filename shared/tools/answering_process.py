"""A process that does one job after the other: a line of JSON asks, a line of JSON answers.

TensorFlow then loads once for all jobs, and jobs here can alternate with jobs there. This module is
both ends: `AnsweringProcess` starts the process, and `answer_requests` is what the process runs,
also under real TensorFlow 1.15 on Python 3.7.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from typing import IO, Any, Callable, Mapping, TypeVar

from shared.errors import SuiteError
from shared.tools.child_process import ROOT, temporary_files_removed

_Process = TypeVar("_Process", bound="AnsweringProcess")


class AnsweringProcess:
    """A process whose main module calls `answer_requests`; it ends with the `with` block.

    If this process ends without reaching the end of the block, the other one ends too, when it next
    waits for a request or answers one.
    """

    def __init__(self, name: str, python: str, module: str, environment: Mapping[str, str]) -> None:
        """Starts the process, which loads its modules while this one goes on.

        Args:
            name: what errors call it.
            python: the interpreter.
            module: the module that is run, in the suite's folder.
            environment: its environment variables; it gets a TMPDIR of its own.
        """
        self._name = name
        with contextlib.ExitStack() as stack:
            errors: IO[str] = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
            self._errors = stack.enter_context(errors)
            own = stack.enter_context(temporary_files_removed(environment))
            self._process = subprocess.Popen(
                [python, "-m", module],
                cwd=ROOT,
                env=own,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
            )
            self._stack = stack.pop_all()

    def ask(self, expected: str, job: str, **arguments: Any) -> Any:
        """Returns what a job returned.

        Args:
            expected: what the job yields, for the error.
            job: one of those that the module gives to `answer_requests`.
            arguments: what the job is called with; JSON can hold each.

        Raises:
            SuiteError: the job failed, and the process goes on; or the process ended. The message
                is one line.
        """
        assert self._process.stdin and self._process.stdout
        with contextlib.suppress(BrokenPipeError):  # it has ended; its last line says why
            self._process.stdin.write(json.dumps({"do": job, "with": arguments}) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line.endswith("\n"):  # ended, maybe in the middle of a line
            found = self._last_line()
        else:
            answer = json.loads(line)
            if "error" not in answer:
                return answer["found"]
            found = answer["error"]
        raise SuiteError(f"{self._name}: expected {expected}, found: {found}")

    def _last_line(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        line = (self._errors.read().strip() or "no message").splitlines()[-1]
        return f"an end by signal {-code}, after: {line}" if code < 0 else line

    def __enter__(self: _Process) -> _Process:
        """Returns the process itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the process, whatever it does."""
        with self._stack:
            self._process.kill()
            self._process.communicate()


def answer_requests(jobs: Mapping[str, Callable[..., Any]]) -> None:
    """Does the jobs that standard input asks for, until it ends.

    An exception is answered by its name and first line: TensorFlow 1's errors end in the lines that
    built the graph.
    """
    answers = _standard_output_for_answers_alone()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = json.dumps({"found": jobs[request["do"]](**request["with"])})
        except Exception as error:
            first_line = str(error).strip().split("\n")[0]
            answer = json.dumps({"error": f"{type(error).__name__}: {first_line}"})
        print(answer, file=answers, flush=True)


def _standard_output_for_answers_alone() -> IO[str]:
    """Returns standard output; what a library prints goes to standard error from now on."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers
