"""The command of the one file: python record_tf1.py [OPTIONS] OUT.npz SCRIPT [ARGS...].

In place of SCRIPT it takes `-m MODULE`, as Python does.
"""

import argparse
import os
import runpy
import signal
import sys
import threading
import traceback
from typing import Any

from shared.tools.record.eager import Eager
from shared.tools.record.graphs import Graphs
from shared.tools.record.inside import Waiting
from shared.tools.record.session import FIRST, STRIDE, Enough, Recording
from shared.trace_recorder import TraceFileError


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("expected a number above 0, found " + text)
    return number


def add_options(parser: Any) -> None:
    """Adds the options that decide how a program is recorded."""
    parser.add_argument("--steps", type=_count, metavar="N", help="stop after N steps")
    parser.add_argument(
        "--every",
        type=_count,
        metavar="K",
        help="keep the values of each Kth step; of the others, digests",
    )
    parser.add_argument(
        "--stride",
        type=_count,
        metavar="K",
        help=f"after step {FIRST}, record gradients, slots and variables of each Kth step only "
        f"(default: {STRIDE}; 1: of all)",
    )
    parser.add_argument("--keep-batches", action="store_true", help="keep every batch whole")
    parser.add_argument("--start-from", metavar="FILE.npz", help="initial values by name")
    parser.add_argument("--batches-from", metavar="FILE.npz", help="a trace with its batches")
    parser.add_argument("--noise", type=int, metavar="SEED", help="random numbers of this seed")
    parser.add_argument(
        "--perturb",
        type=int,
        metavar="SEED",
        help="move each initial value that is not 0 to a neighbouring float",
    )


def main(arguments: list[str] | None = None) -> None:
    """Records one program, and ends as it ends."""
    parser = argparse.ArgumentParser(description="Records a TensorFlow program without an edit.")
    add_options(parser)
    parser.add_argument("out", metavar="OUT.npz")
    parser.add_argument(
        "-m", dest="is_module", action="store_true", help="SCRIPT is a module, as in python -m"
    )
    parser.add_argument("script", metavar="SCRIPT")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS")
    options = parser.parse_args(arguments)
    try:
        if not options.is_module and not os.path.isfile(options.script):
            raise TraceFileError(f"{options.script}: expected a Python program, found no such file")
        options.out = os.path.abspath(options.out)
        recording = Recording(options)
    except TraceFileError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    sys.exit(_record(options, recording))


def _hear_interrupts(recording: Recording) -> None:
    """Lets the end of a recording reach the main thread where SIGINT is ignored, as under `&`."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        return

    def interrupted(number: int, frame: Any) -> None:
        if recording.is_done:  # else it was meant for somebody else
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupted)


def _record(options: Any, recording: Recording) -> Any:
    _hear_interrupts(recording)
    graphs, eager = Graphs(recording), Eager(recording)
    graphs.eager_applied = eager.applied
    recording.noise.begin_eager = eager.begin_step
    Waiting(
        [
            ("tensorflow.python.client.session", "InteractiveSession", graphs.hook_session),
            ("tensorflow.python.ops.gradients_util", "_GradientsHelper", graphs.hook_gradients),
            ("tensorflow.python.ops.gradients_impl", "_GradientsHelper", graphs.hook_gradients),
            ("tensorflow.python.training.optimizer", "Optimizer", graphs.hook_optimizer),
            (
                "tensorflow.python.training.slot_creator",
                "create_zeros_slot",
                graphs.hook_slots,
            ),
            (
                "tensorflow.python.keras.optimizer_v2.optimizer_v2",
                "OptimizerV2",
                graphs.hook_optimizer,
            ),
            (
                "tensorflow.python.ops.resource_variable_ops",
                "BaseResourceVariable",
                eager.hook_variables,
            ),
            ("tensorflow.python.ops.gen_random_ops", "truncated_normal", recording.noise.hook),
            (
                "tensorflow.python.ops.gen_stateless_random_ops_v2",
                "stateless_truncated_normal_v2",
                recording.noise.hook_stateless,
            ),
            (
                "tensorflow.python.ops.gen_nn_ops",
                "sparse_softmax_cross_entropy_with_logits",
                eager.hook_softmax,
            ),
            (
                "tensorflow.python.ops.nn_impl",
                "sigmoid_cross_entropy_with_logits_v2",
                eager.hook_sigmoid,
            ),
            ("tensorflow.python.eager.backprop", "GradientTape", eager.hook_tape),
            (
                "tensorflow.python.eager.polymorphic_function.polymorphic_function",
                "Function",
                eager.hook_function,
            ),
            ("tensorflow.python.data.ops.iterator_ops", "OwnedIterator", eager.hook_data),
            ("keras.src.optimizers.base_optimizer", "BaseOptimizer", eager.hook_keras_optimizer),
            ("keras.src.backend.tensorflow.core", "Variable", eager.hook_keras_variables),
            ("keras.src.backend.tensorflow.optimizer", "TFOptimizer", eager.hook_keras_update),
            ("tensorflow._api.v2.raw_ops", "ResourceApplyAdam", eager.hook_kernels),
            ("keras.src.trainers.trainer", "Trainer", eager.hook_keras_trainer),
        ]
    )
    code: Any = 0
    try:
        _run(options)
        eager.end()
    except Enough:
        _end(eager)
    except SystemExit as ended:
        code = ended.code
        _end(eager)
    except TraceFileError as error:
        sys.stderr.write(f"error: {error}\n")
        code = 2
    except BaseException:
        kind, raised, frames = sys.exc_info()
        if not recording.is_done:
            _show(kind, raised, frames)
            code = 130 if isinstance(raised, KeyboardInterrupt) else 1
        _end(eager)
    try:
        recording.close()
    except TraceFileError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    if not recording.step:
        sys.stderr.write("record: the program made no step that could be seen\n")
    if recording.is_done and threading.active_count() > 1:  # threads that train on would never end
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return code


def _end(eager: Eager) -> None:
    try:
        eager.end()
    except (Enough, Exception):  # what ended the program is what counts
        return


def _run(options: Any) -> None:
    """Runs the program as `python SCRIPT ARGS`, or `python -m SCRIPT ARGS`, would."""
    main_module = sys.modules["__main__"]
    program = type(sys)("__main__")
    program.__dict__.update(__file__=options.script, __builtins__=__builtins__)
    sys.argv = [options.script] + options.arguments
    sys.modules["__main__"] = program
    _run.held = main_module  # type: ignore[attr-defined]  # Python 2 clears modules let go of
    if options.is_module:
        sys.path[0] = os.getcwd()
        runpy._run_module_as_main(options.script)  # type: ignore[attr-defined]
        return
    sys.path[0] = os.path.dirname(os.path.abspath(options.script))
    with open(options.script, "rb") as file:
        code = compile(file.read(), options.script, "exec", 0, True)
    exec(code, program.__dict__)


def _show(kind: Any, error: Any, frames: Any) -> None:
    """Prints a traceback as Python does, from the program's first frame on."""
    first, program = frames, sys.modules["__main__"].__dict__
    while first is not None and first.tb_frame.f_globals is not program:
        first = first.tb_next
    traceback.print_exception(kind, error, first or frames)
