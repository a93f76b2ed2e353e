"""Reads TOML by the standard library's `tomllib`, or by `tomli`, its origin, before Python 3.11."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 11):
    from tomllib import loads
else:
    from tomli import loads

__all__ = ["loads"]
