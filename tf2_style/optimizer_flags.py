"""The flag `--optimizer`: Keras's optimizer, or the kernel that TensorFlow 1 used.

No twin: TensorFlow 1 has no such choice.
"""

from __future__ import annotations

from shared.program import setting


def adam(default="keras"):
    """Returns the setting of a model that trains with Adam."""
    return setting(
        default,
        "Adam of Keras, or of TensorFlow 1's kernel; their checkpoints differ",
        choices=["keras", "tf1"],
        to_restore=True,
    )


def momentum():
    """Returns the setting of a model that trains with momentum."""
    return setting(
        "keras",
        "SGD with momentum of Keras, or TensorFlow 1's kernel; their checkpoints differ",
        choices=["keras", "tf1"],
        to_restore=True,
    )
