"""Times the start of one process: run as `python -m benchmarks.startup STYLE MODEL [OPTIMIZER]`.

Also runs on Python 3.7 under real TensorFlow 1.15. Prints JSON: seconds to import TensorFlow, to
build the model, and to make the first training step; of that, to trace it; and to make the second.
"""

from __future__ import annotations

import json
import sys
import time

TRACING, SECOND = "tracing, of the first step", "second step"


def main() -> None:
    """Starts as a script of the suite does, and prints how long each part took."""
    style, name, *optimizer = sys.argv[1:]
    times = {}
    start = time.perf_counter()
    import shared.tensorflow_loading  # noqa: F401  imports TensorFlow

    times["startup import"] = time.perf_counter() - start
    from shared.models import PAIRS
    from shared.program.batches import arrays_of
    from shared.tools.parity.recording import batches_of

    pair = PAIRS[name]
    pair.module(style)
    start = time.perf_counter()
    model = pair.create(style, *optimizer)
    times["startup build"] = time.perf_counter() - start
    batches = arrays_of(batches_of(pair, model.config)(range(1)))
    start = time.perf_counter()
    if style == "tf2_style":  # the call does it otherwise; a Session's graph is built already
        model.train_steps.get_concrete_function()
        times[TRACING] = time.perf_counter() - start
    model.train_steps(*batches)
    times["startup first step"] = time.perf_counter() - start
    start = time.perf_counter()
    model.train_steps(*batches)
    times[SECOND] = time.perf_counter() - start
    print(json.dumps(times))


if __name__ == "__main__":
    main()
