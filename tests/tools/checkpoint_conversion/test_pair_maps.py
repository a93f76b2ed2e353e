"""The maps of the suite's own pairs, where their temporary folder cannot be written."""

from __future__ import annotations

from pathlib import Path

import pytest

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
from shared.errors import CheckpointError
from shared.models import PAIRS
from shared.tools.checkpoint_conversion.pair_maps import pair_map


def test_a_folder_that_cannot_be_written_is_named_in_a_line(tmp_path: Path) -> None:
    """As on a full disk, TensorFlow's own error is a page long."""
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(CheckpointError, match="file, a temporary folder: cannot be written: ") as e:
        pair_map(PAIRS["linear_regression"], None, str(file))
    assert "\n" not in str(e.value) and len(str(e.value)) < 400
