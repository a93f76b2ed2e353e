"""The digest of a tensor covers all of its bytes, whatever its size."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from shared.trace_recorder import digest

SIZES = [1, 2**14 + 1, 2**16 + 1, 2**18 + 3, 2**20 + 7, 2**22 + 1]  # floats: up to 16 MB


@pytest.mark.parametrize("size", SIZES)
def test_it_is_sha_256_over_every_byte(size: int) -> None:
    array = np.arange(size, dtype=np.float32)
    head = f"float32 [{size}]\0".encode()
    assert digest(array, "float32") == hashlib.sha256(head + array.tobytes()).digest()[:16]
    before = digest(array, "float32")
    for place in (0, size // 2, size - 1):
        other = array.copy()
        other[place] += 0.5
        assert digest(other, "float32") != before, place
