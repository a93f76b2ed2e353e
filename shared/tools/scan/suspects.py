"""Methods that look like TensorFlow's on objects whose class the text does not tell."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SESSION = re.compile(r"sess", re.IGNORECASE)
_SAVER = re.compile(r"saver", re.IGNORECASE)
_WRITER = re.compile(r"writer", re.IGNORECASE)
# Names that nothing but TensorFlow gives a method.
_CERTAIN = {
    "apply_gradients": "tf.train.Optimizer.apply_gradients",
    "compute_gradients": "tf.train.Optimizer.compute_gradients",
    "get_slot": "tf.train.Optimizer.get_slot",
    "get_slot_names": "tf.train.Optimizer.get_slot_names",
    "get_shape": "tf.Tensor.get_shape",
    "set_shape": "tf.Tensor.set_shape",
    "zero_state": "tf.nn.rnn_cell.RNNCell.zero_state",
    "make_one_shot_iterator": "tf.data.Dataset.make_one_shot_iterator",
    "make_initializable_iterator": "tf.data.Dataset.make_initializable_iterator",
    "get_tensor_by_name": "tf.Graph.get_tensor_by_name",
    "get_operation_by_name": "tf.Graph.get_operation_by_name",
    "as_graph_def": "tf.Graph.as_graph_def",
    "add_graph": "tf.summary.FileWriter.add_graph",
}
# Names that others give too, and what of the object's name makes TensorFlow likely.
_LIKELY = {
    "run": (_SESSION, "tf.Session.run"),
    "graph": (_SESSION, "tf.Session.graph"),
    "restore": (_SAVER, "tf.train.Saver.restore"),
    "save": (_SAVER, "tf.train.Saver.save"),
    "add_summary": (_WRITER, "tf.summary.FileWriter.add_summary"),
    "minimize": (re.compile(r"opt|train|solver", re.IGNORECASE), "tf.train.Optimizer.minimize"),
}


def suspect(names: Sequence[str], base: str, is_called: bool) -> str | None:
    """Returns the symbol that an attribute of an unknown object is likely to be.

    Args:
        names: the attributes, outermost last.
        base: the object, as the code has it.
        is_called: whether the last attribute is called.
    """
    name = names[-1]
    owner = ".".join([base, *names[:-1]])
    if name in _CERTAIN and is_called:
        return _CERTAIN[name]
    if name in _LIKELY and (is_called or name == "graph"):
        pattern, symbol = _LIKELY[name]
        if pattern.search(owner.rpartition(".")[2]):
            return symbol
    return None
