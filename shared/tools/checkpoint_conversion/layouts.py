"""Layouts: tensors that hold the same numbers in TF1 and in TF2, in another order or shape.

Sources of those that are known: tensorflow/python/ops/rnn_cell_impl.py of 1.15 (BasicRNNCell,
LSTMCell, GRUCell), tensorflow/contrib/cudnn_rnn/python/ops/cudnn_rnn_ops.py (the cells that CuDNN's
are saved as), tensorflow/python/keras/layers/cudnn_recurrent.py, and
keras/src/layers/rnn/{simple_rnn,lstm,gru}.py of Keras 3. i: inputs, u: units, p: projected units.

LSTM. TF1: kernel [i + u, 4u] and bias [4u], gates i, j, f, o, and adds `forget_bias` to f when it
runs. Keras: kernel [i, 4u], recurrent_kernel [u, 4u], bias [4u], gates i, f, c, o, with the forget
bias inside. GRU. TF1: gates/kernel [i + u, 2u] and gates/bias [2u], r and u;
candidate/kernel [i + u, u] and candidate/bias [u]. Keras, with reset_after=False: kernel [i, 3u],
recurrent_kernel [u, 3u], bias [3u], gates z, r, h, where z is TF1's u. ConvLSTMCell of contrib has
LSTM's gates and forget bias, its kernels have the window's axes in front, and its bias is `biases`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from shared.errors import UsageError
from shared.tools.checkpoint_conversion.layout_steps import (
    Add,
    Join,
    Order,
    Permute,
    Reshape,
    Shape,
    Split,
    Step,
    Sum,
    Transpose,
    Unsum,
)
from shared.tools.checkpoint_conversion.row_blocks import Rows, whole


@dataclasses.dataclass(frozen=True)
class Cell:
    """A type of recurrent cell.

    Attributes:
        gates: how many parts Keras's kernels have.
        tf1: names of its tensors in TF1, under the cell's.
        tf2: names of its tensors in TF2, under the cell's.
        note: what a port must have right.
    """

    gates: int
    tf1: tuple[str, ...]
    tf2: tuple[str, ...] = ("kernel", "recurrent_kernel", "bias")
    note: str = ""


_PEEPHOLES = tuple(f"{gate}_gate_peephole_weights" for gate in ("input", "forget", "output"))
CELLS = {
    "rnn": Cell(1, ("kernel", "bias")),
    "lstm": Cell(4, ("kernel", "bias")),
    "lstm_peephole": Cell(
        4,
        ("kernel", "bias", "w_i_diag", "w_f_diag", "w_o_diag"),
        ("kernel", "recurrent_kernel", "bias", *_PEEPHOLES),
    ),
    "lstm_projection": Cell(
        4,
        ("kernel", "bias", "projection/kernel"),
        ("kernel", "recurrent_kernel", "bias", "projection_kernel"),
    ),
    "gru": Cell(
        3, ("gates/kernel", "gates/bias", "candidate/kernel", "candidate/bias"), note="False"
    ),
    "gru_cudnn": Cell(
        3,
        (
            "gates/kernel",
            "gates/bias",
            "candidate/input_projection/kernel",
            "candidate/input_projection/bias",
            "candidate/hidden_projection/kernel",
            "candidate/hidden_projection/bias",
        ),
        note="True",
    ),
    "conv_lstm": Cell(4, ("kernel", "biases")),
    "keras_cudnn_lstm": Cell(4, ("kernel", "recurrent_kernel", "bias")),
    "keras_cudnn_gru": Cell(3, ("kernel", "recurrent_kernel", "bias"), note="True"),
}


@dataclasses.dataclass(frozen=True)
class Layout:
    """Tensors of TF1 that become tensors of TF2 in these steps.

    Attributes:
        tf1: names of the first list of tensors.
        tf2: names of the last.
        given: the steps, which a map wrote out.
        unsure: why a person has to check it; nothing is converted while this is there.
    """

    tf1: tuple[str, ...]
    tf2: tuple[str, ...]
    given: tuple[Step, ...] = ()
    unsure: str = ""

    def label(self) -> str:
        """Returns what the plan calls it."""
        return "by the map's steps"

    def steps(self, shapes: Sequence[Shape], tf2_shapes: Sequence[Shape]) -> list[Step]:
        """Returns the steps for tensors of these shapes on both sides."""
        return list(self.given)


@dataclasses.dataclass(frozen=True)
class Recurrent(Layout):
    """The tensors of one recurrent cell on both sides.

    Attributes:
        cell: a name in CELLS, whose tensors `tf1` and `tf2` are.
        forget_bias: what TF1's LSTM adds to f when it runs; no checkpoint holds it.
    """

    cell: str = "lstm"
    forget_bias: float = 1.0

    def label(self) -> str:
        """Returns what the plan calls it."""
        return f"{self.cell}'s layout"

    def steps(self, shapes: Sequence[Shape], tf2_shapes: Sequence[Shape]) -> list[Step]:
        """Returns the steps for tensors of these shapes on both sides."""
        inputs, rows = (shape[-2] if len(shape) > 1 else 0 for shape in tf2_shapes[:2])
        units = tf2_shapes[1][-1] // CELLS[self.cell].gates if tf2_shapes[1] else 0
        return list(cell_steps(self.cell, inputs, units, rows, self.forget_bias))


def cell_steps(
    cell: str, inputs: int, units: int, rows: int | None = None, forget_bias: float = 1.0
) -> Iterable[Step]:
    """Returns the steps from TF1's tensors of a cell to Keras's.

    Args:
        cell: a name in CELLS.
        inputs: size of the cell's inputs.
        units: size of its state.
        rows: size of its output where it is projected; None for `units`.
        forget_bias: what TF1 adds when it runs.
    """
    split = Split(axis=-2, split=(inputs, units if rows is None else rows))
    last = -1
    if cell == "rnn":
        return [split]
    if has_forget_bias(cell):
        gates = (0, 2, 1, 3)
        return [
            Permute(0, last, gates),
            Permute(1, last, gates),
            Add(1, last, forget_bias, part=1, parts=4),
            split,
        ]
    if cell == "gru":
        swapped = [Permute(k, last, (1, 0)) for k in (0, 1)]
        return [*swapped, Order(order=(0, 2, 1, 3)), Join(0, last), Join(1, last), split]
    if cell == "gru_cudnn":
        return _cudnn_gru_steps(split, units)
    return _keras_cudnn_steps(CELLS[cell].gates, inputs, units)


def _cudnn_gru_steps(split: Split, units: int) -> Iterable[Step]:
    """CuDNN adds two biases; of the gates r and u, a checkpoint holds but their sum."""
    last = -1
    return [
        Permute(0, last, (1, 0)),
        Permute(1, last, (1, 0)),
        split,
        Order(order=(0, 3, 1, 5, 2, 4, 6)),
        Join(0, last),
        Join(1, last),
        Unsum(2),
        Order(order=(0, 1, 2, 4, 3, 5)),
        Join(2, 0),
        Join(3, 0),
        Join(2, 0),
        Reshape(2, reshape=(2, 3 * units)),
    ]


def _keras_cudnn_steps(gates: int, inputs: int, units: int) -> Iterable[Step]:
    """CuDNNLSTM and CuDNNGRU of Keras 1.x hold each gate transposed, and two biases.

    Source: `_convert_rnn_weights` in tensorflow/python/keras/saving/hdf5_format.py of 1.15.
    """
    last = -1
    for tensor, (rows, columns) in enumerate([(inputs, units), (units, units)]):
        yield Split(tensor, last, (columns,) * gates)
        for gate in range(tensor, tensor + gates):
            yield Reshape(gate, reshape=(columns, rows))
            yield Transpose(gate, transpose=(1, 0))
        yield Join(tensor, last, gates)
    if gates == 4:
        yield Split(2, 0, (gates * units,) * 2)
        yield Sum(2)
    else:
        yield Reshape(2, reshape=(2, gates * units))


def has_forget_bias(cell: str) -> bool:
    """Whether TF1's cell adds a constant to the forget gate when it runs."""
    return cell == "conv_lstm" or cell.startswith("lstm")


def shapes(
    cell: str, inputs: int, units: int, rows: int | None = None, window: Shape = ()
) -> tuple[list[Shape], list[Shape]]:
    """Returns the shapes of a cell's tensors in TF1 and in Keras.

    Args:
        cell: a name in CELLS.
        inputs: size of the cell's inputs.
        units: size of its state.
        rows: as in `cell_steps`.
        window: of a convolution, which stands before the other axes of the kernels.
    """
    rows = units if rows is None else rows
    width = CELLS[cell].gates * units
    tf2 = [(*window, inputs, width), (*window, rows, width), (width,)]
    if cell == "rnn" or has_forget_bias(cell):
        tf1 = [(*window, inputs + rows, width), (width,)]
        more: list[Shape] = [(units,)] * 3 if cell == "lstm_peephole" else []
        more = [(units, rows)] if cell == "lstm_projection" else more
        return [*tf1, *more], [*tf2, *more]
    if cell == "keras_cudnn_lstm":
        return [*tf2[:2], (2 * width,)], tf2
    if cell == "keras_cudnn_gru":
        return [*tf2[:2], (2 * width,)], [*tf2[:2], (2, width)]
    tf1 = [(inputs + units, 2 * units), (2 * units,)]
    if cell == "gru":
        return [*tf1, (inputs + units, units), (units,)], tf2
    candidate = [(inputs, units), (units,), (units, units), (units,)]
    return [*tf1, *candidate], [*tf2[:2], (2, width)]


def shapes_between(
    layout: Layout, tf1: Sequence[Shape], tf2: Sequence[Shape], origin: str
) -> list[list[Shape]]:
    """Returns the shapes before each step and behind the last.

    Raises:
        UsageError: the steps do not fit, or do not lead to the shapes of TF2.
    """
    found = [list(tf1)]
    where = f"{origin}: {(*layout.tf1, *layout.tf2)[0]}"
    for number, step in enumerate(layout.steps(tf1, tf2), 1):
        try:
            found.append(step.shapes(found[-1]))
        except ValueError as error:
            name = type(step).__name__.lower()
            raise UsageError(
                f"{where}: step {number} ({name}) of its layout: expected {error}"
                f"{_expected_cell(layout)}"
            ) from error
    if found[-1] != list(tf2):
        raise UsageError(
            f"{where}: expected {_texts(tf2)} in TF2, by its layout{_expected_cell(layout)}; found "
            f"{_texts(found[-1])}"
        )
    return found


def _expected_cell(layout: Layout) -> str:
    if not isinstance(layout, Recurrent):
        return ""
    note = CELLS[layout.cell].note
    return f" ({layout.cell}{f', reset_after={note}' if note else ''})"


def _texts(found: Sequence[Shape]) -> str:
    return ", ".join(str(list(shape)) for shape in found)


def to_tf2(steps: Iterable[Step], arrays: Iterable[Any], constants: bool) -> list:
    """Returns TF2's tensors of TF1's, in their dtype; `constants` is False for slots.

    Arrays of NumPy become arrays of NumPy, Rows become Rows.
    """
    found = list(arrays)
    for step in steps:
        found = step.forward(found, constants)
    return [_contiguous(array) for array in found]


def _contiguous(array: Any) -> Any:
    return array if isinstance(array, Rows) else whole(array)


def to_tf1(
    steps: Sequence[Step],
    between: Sequence[Sequence[Shape]],
    arrays: Iterable[Any],
    constants: bool,
) -> list:
    """Returns TF1's tensors of TF2's; `between` is what `shapes_between` returns.

    Raises:
        ValueError: TF1 has no place for what TF2 holds.
    """
    found = list(arrays)
    for step, before in zip(reversed(steps), reversed(between[:-1]), strict=True):
        found = step.backward(found, before, constants)
    return [_contiguous(array) for array in found]
