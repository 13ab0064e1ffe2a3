"""What the docs point to is there: links, anchors, code paths, names, commands."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name

import pytest
from django.core.management import get_commands

from flowdeck.people import access

_ROOT = Path(__file__).resolve().parent.parent
_TOPS = "flowdeck|events|processors|lab|eda_site|tests|drill|benchmarks|docs|deploy"
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(rf"(?<![\w/.:-])(?:{_TOPS}|templates|static)/(?!s\b)[\w*./-]+")
_NAME = re.compile(rf"(?<![\w/.:-])(?:{_TOPS})(?:\.[A-Za-z_]\w*)+(?![\w/])")
_ROLE = re.compile(r":(?:mod|class|func|meth|data|attr|exc):`~?([\w.]+)`")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_FILES = re.compile(r"\.(py|md|sql|html|js|css|plant|toml|txt|sh|svg|png|json)$")


@cache
def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns],
        cwd=_ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [file for name in listed.stdout.split("\0") if (file := _ROOT / name).is_file()]


def _id(file: Path) -> str:
    return str(file.relative_to(_ROOT))


@cache
def _anchors(file: Path) -> set[str]:
    """The anchors that the headings of a page get where Markdown is shown."""
    titles = re.findall(r"^#{1,6} (.+)$", _FENCE.sub("", file.read_text()), re.MULTILINE)
    words = [re.sub(r"[^\w\- ]", "", re.sub(r"\[(.+?)\]\(.+?\)", r"\1", one)) for one in titles]
    return {one.strip().lower().replace(" ", "-") for one in words}


def _dead_links(file: Path) -> Iterator[str]:
    for link in _LINK.findall(_FENCE.sub("", file.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (file.parent / path).resolve() if path else file
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            yield link


def _dead_paths(text: str) -> Iterator[str]:
    for found in _PATH.findall(text):
        path = found.rstrip(".")
        places = (path, f"{path}.*", f"flowdeck/templates/{path}")
        if not any(any(_ROOT.glob(place)) for place in places):
            yield path


def _dead_commands(text: str) -> Iterator[str]:
    yield from {*re.findall(r"manage\.py ([a-z]\w*)", text)} - {*get_commands(), "help"}
    targets = re.findall(r"^([a-z-]+):", (_ROOT / "Makefile").read_text(), re.MULTILINE)
    yield from {*re.findall(r"`make ([a-z-]+)", text)} - {*targets}


def _dead_names(names: list[str]) -> Iterator[str]:
    for name in names:
        try:
            if not find_spec(name):
                raise ModuleNotFoundError
        except ModuleNotFoundError:
            try:
                resolve_name(name)
            except (ImportError, AttributeError):
                if name not in access.known():  # a permission
                    yield name


@pytest.mark.parametrize("page", _tracked("*.md", "docs/llms.txt"), ids=_id)
def test_a_page_points_to_what_is_there(page: Path) -> None:
    text = page.read_text()
    names = [one for one in _NAME.findall(text) if not _FILES.search(one)]
    links, paths = _dead_links(page), _dead_paths(text)
    assert [*links, *paths, *_dead_names(names), *_dead_commands(text)] == []


def test_the_site_leads_to_every_page() -> None:
    nav = re.findall(r"([\w/]+\.md)$", (_ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    pages = [file.relative_to(_ROOT / "docs") for file in _tracked("docs/*.md")]
    assert sorted(nav) == sorted(str(one) for one in pages if one.parts[0] != "catalog")


def test_code_points_to_what_is_there() -> None:
    dead = {}
    for file in _tracked("*.py"):
        text = file.read_text()
        roles = [one for one in _ROLE.findall(text) if re.match(rf"(?:{_TOPS})\b", one)]
        wrong = [*_dead_names(roles), *_dead_paths("\n".join(re.findall(r"\bdocs/\S+\.md", text)))]
        if wrong:
            dead[_id(file)] = wrong
    assert dead == {}
