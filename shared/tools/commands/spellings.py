"""Reads values of flags that had another spelling, which is still understood."""

from __future__ import annotations

import argparse


def add_style(parser: argparse.ArgumentParser) -> None:
    """Adds the flag --style, of which "tf2" is the default."""
    parser.add_argument(
        "--style",
        type=style,
        choices=("tf1", "tf2"),
        default="tf2",
        help="whose file (default: tf2)",
    )


def style(text: str) -> str:
    """Returns "tf1" or "tf2" of these, and of "tf1_style" and "tf2_style"; other text as it is."""
    return text.removesuffix("_style")


def release(text: str) -> str:
    """Returns "1.15" or "2.21" of these, and of "tf1.15" and "tf2.21"; other text as it is."""
    return text.removeprefix("tf")
