"""The table of bounds in docs/parity.md is that of the code; RENEW_DOCS=1 writes it there anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

from shared.models import PAIRS
from shared.tools.parity.bounds import BITWISE, bound_of

PAGE = Path(__file__).resolve().parents[3] / "docs" / "parity.md"
TABLE = re.compile(r"(<!-- bounds: begin -->\n)(.*?)(<!-- bounds: end -->)", re.DOTALL)
RUNTIMES = ("eager", "xla", "tf115", "gpu", "keras")


def bounds_table() -> str:
    """The models of each bound that is no equality of bits, with its runtimes and its reason."""
    bounds: dict[tuple[str, str, float, str], list[str]] = {}
    for name, pair in PAIRS.items():
        has_keras = not all(variant.is_same_kernel for variant in pair.variants)
        of_runtime = {r: bound_of(r, pair) for r in RUNTIMES if r != "keras" or has_keras}
        for bound in dict.fromkeys(of_runtime.values()):
            if bound != BITWISE:
                runtimes = ", ".join(f"`{r}`" for r, found in of_runtime.items() if found == bound)
                run = pair.parity
                number = run.bounded_steps or run.steps
                steps = "" if run.rounding_drift is None else f" over {number} steps"
                key = (runtimes, steps, bound.limit, bound.reason)
                bounds.setdefault(key, []).append(f"`{name}`")
    rows = [
        f"| {runtimes} | {', '.join(models)} | {limit:.0e}{steps} | {reason} |"
        for (runtimes, steps, limit, reason), models in bounds.items()
    ]
    return "\n".join(["| rows | models | bound | reason |", "|---|---|---|---|", *rows, ""])


def test_the_table_of_bounds_is_that_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    if os.environ.get("RENEW_DOCS") == "1":
        page = TABLE.sub(lambda found: found[1] + bounds_table() + found[3], page)
        PAGE.write_text(page, encoding="utf-8")
    shown = TABLE.search(page)
    assert shown
    assert shown[2] == bounds_table()
    assert "| `eager`, `xla`, `tf115`, `gpu` | `recurrent_network` | 6e-07" in bounds_table()
