"""Hashed names inside of JavaScript modules, as ``collectstatic`` writes them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.management import call_command

from flowdeck.static_files import HashedImports

_FILES = {
    "a.js": "\n".join(
        [
            '/** @type {import("../gone").Type} */',
            '// one would import gone from "./gone.js"; here',
            'import "./b.js"; // first',
            "import {",
            "  one,",
            "  two as deux,",
            "} from './c.js';",
            'import three, * as all from "./c.js"',
            'export { four } from "../other/d.js";',
            'const text = `import "./gone.js"`;',
            'import bare from "package";',
        ]
    ),
    "b.js": 'import { two } from "./c.js";',
    "c.js": "export const one = 1, two = 2;",
    "../other/d.js": "export const four = 4;",
}


class Storage(HashedImports, ManifestStaticFilesStorage):
    """What a project would write."""


def _collected(tmp_path: Path, settings: Any, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = tmp_path / "source" / "own" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    settings.STATICFILES_DIRS = [tmp_path / "source"]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STORAGES = {"staticfiles": {"BACKEND": f"{__name__}.Storage"}}
    call_command("collectstatic", interactive=False, verbosity=0)
    return tmp_path / "static"


def test_imports_name_hashed_files_and_comments_stay(tmp_path: Path, settings: Any) -> None:
    root = _collected(tmp_path, settings, _FILES)
    names = json.loads((root / "staticfiles.json").read_text())["paths"]
    stored = (root / names["own/a.js"]).read_text()
    hashed = {name: Path(names[f"own/{name}.js"]).name for name in "bc"}
    assert stored.splitlines() == [
        *_FILES["a.js"].splitlines()[:2],
        f'import "./{hashed["b"]}"; // first',
        "import {",
        "  one,",
        "  two as deux,",
        f'}} from "./{hashed["c"]}";',
        f'import three, * as all from "./{hashed["c"]}"',
        f'export {{ four }} from "../{names["other/d.js"]}";',
        *_FILES["a.js"].splitlines()[-2:],
    ]
    assert f'"./{hashed["c"]}"' in (root / names["own/b.js"]).read_text()


def test_what_a_module_imports_decides_its_name(tmp_path: Path, settings: Any) -> None:
    before = _collected(tmp_path, settings, _FILES)
    first = json.loads((before / "staticfiles.json").read_text())["paths"]
    changed = {"c.js": "export const one = 1, two = 3;"}
    after = _collected(tmp_path, settings, changed)
    second = json.loads((after / "staticfiles.json").read_text())["paths"]
    assert first["own/a.js"] != second["own/a.js"]
    assert first["other/d.js"] == second["other/d.js"]


def test_an_import_of_nothing_is_told(tmp_path: Path, settings: Any) -> None:
    with pytest.raises(ValueError, match=re.escape("own/gone.js")):
        _collected(tmp_path, settings, {"a.js": 'import "./gone.js";'})
