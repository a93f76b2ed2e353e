"""Imports modules once, and runs each program in a fork of this process. Python 3.7 or newer.

    python fork_server.py ROOT MODULE …

Standard input brings a job a line, as JSON; standard output answers each with its exit code.

A fork has the memory of a process and one of its threads. It is sound where no other thread could
hold a lock or was to do work: this process imports and runs no operation, so TensorFlow has started
no thread. It counts them before each fork. (NumPy's OpenBLAS starts threads on import, ends them
before a fork and starts them again after it.) A fork ends as an interpreter does: its threads are
waited for, what `atexit` registered runs and the streams are flushed. It only leaves out to delete
every object, for which it would have to copy all memory of this process: a second or more.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import sys
import threading
import types
from typing import Any

THREADS = "/proc/self/task"  # a folder for each thread; Linux alone has it


def main() -> None:
    """Answers jobs until standard input ends; in a fork, runs one of them."""
    root, *modules = sys.argv[1:]
    jobs, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    import numpy  # noqa: F401  with the threads of its OpenBLAS

    most, before = threads(), dict(os.environ)
    sys.path[0] = root
    for name in modules:
        importlib.import_module(name)
    gc.freeze()  # the garbage collector of a fork need not look at it
    set_by_imports = {n: value for n, value in os.environ.items() if before.get(n) != value}
    for line in jobs:
        if threads() > most:
            raise RuntimeError(f"expected no thread but NumPy's, {most} in all, found {threads()}")
        child = os.fork()
        if child == 0:
            jobs.close()
            answers.close()
            os._exit(become(json.loads(line), set_by_imports, root))
        status = os.waitpid(child, 0)[1]
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        answers.write(f"{code}\n")
        answers.flush()


def threads() -> int:
    """Returns how many threads this process has; 0 where the system does not tell."""
    return len(os.listdir(THREADS)) if os.path.isdir(THREADS) else 0


def become(job: dict[str, Any], set_by_imports: dict[str, str], root: str) -> int:
    """Runs a job's program in this process, as if its command had started it; returns its code."""
    for number, path in enumerate([os.devnull, job["out"], job["err"]]):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT if number else os.O_RDONLY, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    os.environ.update(set_by_imports)
    sys.modules["numpy"].random.seed()  # else all forks would draw the same
    if job["forgets"]:
        forget(root)
    code = 0
    try:
        run(job["words"], os.environ.get("PYTHONPATH"))
    except SystemExit as ended:
        code = exit_code(ended)
    except BaseException as error:
        code = 1
        print_without_this_file(error)
        if isinstance(error, KeyboardInterrupt):
            code = -signal.SIGINT
    threading._shutdown()  # type: ignore[attr-defined]  # waits for the threads
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def forget(root: str) -> None:
    """Lets the modules of a folder be imported anew, from wherever they are found then.

    The interpreter's own packages may lie below the folder, and stay.
    """
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if file.startswith(root + os.sep) and not file.startswith(sys.prefix + os.sep):
            del sys.modules[name]


def exit_code(ended: SystemExit) -> int:
    """Returns what `sys.exit` means: 0 for None, and 1 for a text, which is printed."""
    if ended.code is None or isinstance(ended.code, int):
        return (ended.code or 0) & 0xFF
    print(ended.code, file=sys.stderr)
    return 1


def run(words: list[str], path: str | None) -> None:
    """Runs `-m MODULE`, `-c CODE` or a file, with its arguments, as `__main__`."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.path[1:1] = [os.path.abspath(entry) for entry in path.split(os.pathsep)] if path else []
    if words[0] == "-m":
        sys.path[0], sys.argv = os.getcwd(), ["-m", *words[2:]]
        sys.modules.pop(words[1], None)
        runpy._run_module_as_main(words[1])  # type: ignore[attr-defined]  # as `python -m` does
    elif words[0] == "-c":
        sys.path[0], sys.argv = "", ["-c", *words[2:]]
        exec(compile(words[1], "<string>", "exec"), module.__dict__)
    else:
        sys.path[0], sys.argv = os.path.dirname(os.path.realpath(words[0])), words
        module.__file__ = words[0]
        with open(words[0], "rb") as file:
            exec(compile(file.read(), words[0], "exec"), module.__dict__)


def print_without_this_file(error: BaseException) -> None:
    """Prints an error that nothing caught, less the frames of this file."""
    frame = error.__traceback__
    while frame and frame.tb_frame.f_code.co_filename == run.__code__.co_filename:
        frame = frame.tb_next
    sys.excepthook(type(error), error.with_traceback(frame), frame)


if __name__ == "__main__":
    main()
