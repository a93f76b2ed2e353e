"""The tables of parity and speed, and the table of pairs on the first page."""

from __future__ import annotations

from pair_pages.markdown_text import table
from pair_pages.numbers import committed
from pair_pages.side_by_side.hunks import stages
from pair_pages.side_by_side.sources import pair_names, sources
from shared.tools.alignment import share_of_common_lines
from shared.tools.child_process import ROOT
from shared.tools.parity.printed import compact, read_results


def parity() -> str:
    """Returns the committed parity matrix as a table."""
    return compact(*read_results()) + "\n"


def speed() -> str:
    """Returns the committed speeds: a line for each runtime, a column for each model."""
    found = committed.speeds()
    models = list(dict.fromkeys(each.model for each in found))
    ratios = {(each.runtime, each.model): f"{each.ratio:.3g}" for each in found}
    runtimes = dict.fromkeys(each.runtime for each in found)
    rows = [
        [runtime, *(ratios.get((runtime, model), "—") for model in models)] for runtime in runtimes
    ]
    return table(["runtime", *models], rows)


def concepts() -> str:
    """Returns the list of the pages of concepts, for the side of every page."""
    pages = sorted(path.stem for path in (ROOT / "docs" / "guide" / "concepts").glob("*.md"))
    if not pages:
        return ""
    entries = "\n".join(f"concepts/{page}" for page in pages)
    return f"```{{toctree}}\n:caption: Concepts\n:hidden:\n\n{entries}\n```\n"


def pairs() -> str:
    """Returns the pairs with what they have in common."""
    rows = []
    for pair in pair_names():
        cut = stages(*sources(pair))
        lines = [row for stage in cut for part in stage.parts for row in part.rows]
        count = sum(len(stage.hunks) for stage in cut)
        share = f"{share_of_common_lines(lines):.0%}"
        rows.append([f"{{doc}}`/pairs/{pair}`", share, str(count), committed.parity_in_short(pair)])
    return table(["pair", "lines in common", "differences", "parity"], rows)
