"""Records one run in a process of its own.

Run as `python -m shared.parity.child RUNTIME MODEL STEPS FILE`. RUNTIME is `session`, also under
real TensorFlow 1.15 on Python 3.7, or `gpu`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import shared.quiet  # noqa: F401  before TensorFlow is imported
from shared.models import PAIRS
from shared.parity.recording import batches_of, own_execution, record


def main(arguments: Sequence[str]) -> None:
    """Records the run that the command line asks for."""
    runtime, name, steps, path = arguments
    pair = PAIRS[name]
    if runtime == "gpu":
        from shared.parity.runtimes import function_without_tf32

        config, execution = function_without_tf32(pair)
    else:
        model = pair.create("tf1_style")
        config, execution = model.config, own_execution(model)
    record(execution, batches_of(pair, config), int(steps), path, name, runtime)


if __name__ == "__main__":
    main(sys.argv[1:])
