"""A hook of MkDocs: what the site has not, and what else it has.

Pages link to code, to the README and to the catalog, which are no part of it: such a link becomes
its text. Everything else that leads nowhere fails the build. Beside the pages lie their Markdown
files, to which ``llms.txt`` points.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """The page without links that leave the site."""
    up = page.file.src_uri.count("/") + 1
    return re.sub(rf"\[([^\]]+)\]\((?:(?:\.\./){{{up}}}|catalog)[^)]*\)", r"\1", markdown)


def on_post_build(*, config: Any, **_: Any) -> None:
    """Put the Markdown of each page where ``llms.txt`` says."""
    pages, site = Path(config["docs_dir"]), Path(config["site_dir"])
    for page in (*pages.glob("*.md"), *pages.glob("brokers/*.md"), *pages.glob("decisions/*.md")):
        shutil.copyfile(page, site / page.relative_to(pages))
