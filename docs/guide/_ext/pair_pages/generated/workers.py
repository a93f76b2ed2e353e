"""The tables of the page on several workers, from the committed measurement."""

from __future__ import annotations

from pair_pages.markdown_text import table
from shared.tools.workers import throughput


def measured() -> str:
    """Returns images a second by the number of workers."""
    return table(throughput.MEASURED_HEAD, throughput.measured_rows(throughput.read()))


def on_paper() -> str:
    """Returns what more machines would do for the CNN, with the figures that go in."""
    found = throughput.read()
    figures = (
        f"What goes in: a gradient of {found.cnn_bytes / 1e6:.1f} MB, "
        f"{1000 * found.cnn_image:.2f} ms of computing an image, and "
        f"{1000 * found.latency:.2f} ms for each part beside its bytes, measured on "
        f"{found.cores} cores.\n\n"
    )
    return figures + table(throughput.PAPER_HEAD, throughput.paper_rows(found))
