"""The formula of the ring, and the committed measurement that goes into it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shared.errors import SuiteError
from shared.tools.workers import throughput


def simulated_ring(workers: int, size: int, bandwidth: float, latency: float) -> float:
    """Passes parts around until every worker has every sum; returns the seconds."""
    held = np.eye(workers, dtype=int)[:, None, :].repeat(workers, axis=1)  # worker, part, of whom
    seconds = 0.0
    for turn in range(2 * (workers - 1)):
        sent = [(w, (w - turn) % workers) for w in range(workers)]
        passed = [held[w, part].copy() for w, part in sent]
        for (w, part), counts in zip(sent, passed, strict=True):
            other = (w + 1) % workers
            adds_up = turn < workers - 1
            held[other, part] = held[other, part] + counts if adds_up else counts
        seconds += size / workers / bandwidth + latency
    assert (held == 1).all()  # everybody has every gradient in every part, once
    return seconds


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_the_formula_is_what_the_ring_does(workers: int) -> None:
    expected = simulated_ring(workers, 1200, 100.0, 0.5)
    assert throughput.ring_seconds(workers, 1200, 100.0, 0.5) == pytest.approx(expected)


def test_large_gradients_hardly_care_for_the_number_of_workers() -> None:
    eight, many = (throughput.ring_seconds(n, 1e9, 1e9, 0.0) for n in (8, 512))
    assert eight == 1.75
    assert many == pytest.approx(1.996, abs=1e-3)


def test_the_committed_measurement_can_be_shown() -> None:
    found = throughput.read()
    assert [row[0] for row in throughput.measured_rows(found)] == ["1", "2", "4"]
    assert found.cnn_bytes == 4 * 3_274_634  # the parameters of the CNN, 4 bytes each
    rows = throughput.paper_rows(found)
    assert len(rows) == 9 and {row[0] for row in rows} == {"8", "64", "512"}
    # The same share of communication: images and seconds go together.
    seconds = throughput.ring_seconds(8, found.cnn_bytes, 1.25e8, found.latency)
    assert float(rows[0][3].replace(",", "")) == round(seconds / found.cnn_image)


def test_a_damaged_measurement_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "workers.json"
    with pytest.raises(SuiteError, match="expected the result of pairs workers"):
        throughput.read(path)
    path.write_text('{"cores": 2}')
    with pytest.raises(SuiteError, match="expected the result of pairs workers"):
        throughput.read(path)
