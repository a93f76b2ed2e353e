"""Records many programs in one process per interpreter: TensorFlow is imported once, then forked.

    python forked_recordings.py RECORDER MODULES JOBS.json

JOBS.json is a list of lists of words, each what would follow `python RECORDER` on a command line.
The child of each job runs it as that command would. Python 3.7 or newer.
"""

import importlib
import json
import os
import runpy
import sys


def main() -> None:
    """Runs the jobs one after the other; says on standard error which one failed."""
    recorder, modules, jobs = sys.argv[1:]
    for name in modules.split(","):
        importlib.import_module(name)
    with open(jobs) as file:
        waiting = json.load(file)
    failed = 0
    for words in waiting:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                sys.argv = [recorder, *words]
                sys.path[0] = os.path.dirname(recorder)
                runpy.run_path(recorder, run_name="__main__")
                code = 0
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        if status != 0:
            failed += 1
            sys.stderr.write(f"failed: {words}\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
