"""Links within the guide arrive; links out of it have the form of an address."""

from __future__ import annotations

from pathlib import Path

import pytest

from pair_pages import links

pytestmark = pytest.mark.browser


def test_every_link_within_the_guide_arrives(site: Path) -> None:
    pages = links.read(site)
    assert len(pages) > 10
    assert links.broken(pages) == []


def test_every_link_out_is_listed_and_well_formed(site: Path) -> None:
    listed = (site / links.LIST).read_text().splitlines()
    assert listed == links.external(links.read(site))
    assert listed
    assert [address for address in listed if links.malformed(address)] == []


def test_a_link_to_nothing_is_caught(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<a href="gone.html"></a><a href="#gone"></a><a href="#here" id="here"></a>')
    assert links.broken(links.read(tmp_path)) == ["page.html: #gone", "page.html: gone.html"]


@pytest.mark.parametrize(
    "address",
    ["ftp://a.org", "https://localhost", "https://a b.org", "http:///x", "https://a.org/<"],
)
def test_a_malformed_address_is_caught(address: str) -> None:
    assert links.malformed(address)
    assert not links.malformed("https://www.tensorflow.org/guide/function#tracing")
