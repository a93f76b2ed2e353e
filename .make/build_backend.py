"""Builds what `pip install -e .` needs, and no wheel: the suite is used from its clone.

A wheel would put `shared` and `benchmarks` among everybody's packages, without the guide, the tests
and the benchmarks, which are files of the clone.
"""

from __future__ import annotations

from typing import NoReturn

from setuptools.build_meta import (
    build_editable,
    get_requires_for_build_editable,
    prepare_metadata_for_build_editable,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]


def _refuse(*arguments: object, **settings: object) -> NoReturn:
    raise SystemExit("The suite is used from its clone: run `make`, or `pip install -e .`")


build_wheel = build_sdist = get_requires_for_build_wheel = prepare_metadata_for_build_wheel = (
    _refuse
)
