"""The program around a model of either style: flags, progress, signals, traces. No TensorFlow."""

from shared.program.program import Program
from shared.program.settings import ImageSettings, LineSettings, Settings, number, setting
from shared.program.tasks import CLOTHES, DIGITS, EXACT_LINE, NOISY_LINE

__all__ = [
    "CLOTHES",
    "DIGITS",
    "EXACT_LINE",
    "NOISY_LINE",
    "ImageSettings",
    "LineSettings",
    "Program",
    "Settings",
    "number",
    "setting",
]
