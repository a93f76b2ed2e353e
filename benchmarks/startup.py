"""Times the start of one process: run as `python -m benchmarks.startup STYLE MODEL [OPTIMIZER]`.

Also runs on Python 3.7 under real TensorFlow 1.15. Prints JSON: seconds to import TensorFlow, to
build the model, and to make the first training step; of that, to trace it; and to make the second.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

TRACING, SECOND = "tracing, of the first step", "second step"


def main() -> None:
    """Starts as a script of the suite does, and prints how long each part took."""
    style, name, *optimizer = sys.argv[1:]
    times = {}
    start = time.perf_counter()
    import shared.tensorflow_loading  # noqa: F401  imports TensorFlow

    times["startup import"] = time.perf_counter() - start
    from benchmarks.runtimes import DEFAULTS
    from shared.models import PAIRS
    from shared.program.batches import arrays_of
    from shared.tools.parity.recording import batches_of

    pair = PAIRS[name]
    pair.module(style)
    start = time.perf_counter()
    model = pair.create(style, *optimizer)
    times["startup build"] = time.perf_counter() - start
    batches = arrays_of(batches_of(pair, model.config)(range(1)))
    by_rows = style == "tf2_style" and DEFAULTS[name].startswith("rows")
    given = _rows_of(list(batches)) if by_rows else list(batches)
    start = time.perf_counter()
    train = _on_rows(model) if by_rows else model.train_steps
    if style == "tf2_style":  # the call does it otherwise; a Session's graph is built already
        train.get_concrete_function()
        times[TRACING] = time.perf_counter() - start
    train(*given)
    times["startup first step"] = time.perf_counter() - start
    start = time.perf_counter()
    train(*given)
    times[SECOND] = time.perf_counter() - start
    print(json.dumps(times))


def _on_rows(model: Any) -> Any:
    """Returns the function by which the style file trains."""
    from tf2_style import many_steps

    return many_steps.function_of_rows(model.train_step)


def _rows_of(batches: list) -> list:
    """Returns the numbers of all examples of one step, [1, batch], and the examples."""
    import numpy as np

    examples: list[Any] = [array[0] for array in batches]
    return [np.arange(len(examples[0]))[np.newaxis], *examples]


if __name__ == "__main__":
    main()
