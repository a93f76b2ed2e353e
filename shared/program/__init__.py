"""The program around a model of either style: flags, progress, signals, traces. No TensorFlow."""

from shared.program.cluster_program import (
    AsynchronousProgram,
    AsynchronousSettings,
    ClusterProgram,
    ClusterSettings,
)
from shared.program.program import Program
from shared.program.settings import (
    ImageSettings,
    LineSettings,
    RatingSettings,
    Settings,
    number,
    setting,
)
from shared.program.tasks import (
    CLOTHES,
    DIGITS,
    EXACT_LINE,
    GENERATED_DIGITS,
    NOISY_LINE,
    RATINGS,
)

__all__ = [
    "CLOTHES",
    "DIGITS",
    "EXACT_LINE",
    "GENERATED_DIGITS",
    "NOISY_LINE",
    "RATINGS",
    "AsynchronousProgram",
    "AsynchronousSettings",
    "ClusterProgram",
    "ClusterSettings",
    "ImageSettings",
    "LineSettings",
    "Program",
    "RatingSettings",
    "Settings",
    "number",
    "setting",
]
