"""Minutes of training: what the convolutional network reaches on the sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.models import PAIRS
from shared.program.progress import Progress


@pytest.mark.slow
def test_cnn_reaches_94_percent_in_1000_steps(tmp_path: Path) -> None:
    module = PAIRS["cnn"].module("tf2_style")
    config = module.Config(steps=1000, checkpoint_dir=str(tmp_path))
    result = module.PROGRAM.train(config, Progress())
    assert result.metrics["accuracy"] >= 0.94
