"""Records one run in a process of its own.

Run as `python -m shared.tools.parity.child RUNTIME MODEL STEPS FILE`. RUNTIME is `session`, also
under real TensorFlow 1.15 on Python 3.7, or `gpu`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
from shared.models import PAIRS
from shared.tools.parity.recording import batches_of, record
from shared.tools.parity.session import session


def main(arguments: Sequence[str]) -> None:
    """Records the run that the command line asks for."""
    runtime, name, steps, path = arguments
    pair = PAIRS[name]
    if runtime == "gpu":
        from shared.tools.parity.runtimes import gpu

        run = gpu(pair)
    else:
        run = session(pair)
    record(run, batches_of(pair, run.config), int(steps), path, name, runtime)


if __name__ == "__main__":
    main(sys.argv[1:])
