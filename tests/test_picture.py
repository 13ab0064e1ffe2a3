"""The picture of docs/architecture.md shows the code as it is."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from docs import architecture


def test_its_arrows_are_the_imports() -> None:
    picture = ElementTree.parse(architecture.PICTURE)
    lines = [one for one in picture.iter() if "data-from" in one.attrib]
    shown = {(one.attrib["data-from"], one.attrib["data-to"]) for one in lines}
    assert shown == architecture.links(), "`make picture` draws it anew"


def test_the_page_tells_of_every_room() -> None:
    page = architecture.PICTURE.with_suffix(".md").read_text()
    told = re.findall(r"^\| `flowdeck/(\w+)/` \|", page, re.MULTILINE)
    assert sorted(told) == architecture.rooms()
