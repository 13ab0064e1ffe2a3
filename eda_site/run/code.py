"""Whether the code of this checkout has changed, for whoever runs it while writing it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("flowdeck", "events", "processors", "lab", "eda_site")


class Code:
    """The Python files below ``root``, as they were at the last look."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._seen = self._look()

    def has_changed(self) -> bool:
        """Whether a file came, went or was written since the last look."""
        before, self._seen = self._seen, self._look()
        return before != self._seen

    def _look(self) -> dict[Path, int]:
        files = (file for name in PACKAGES for file in (self._root / name).rglob("*.py"))
        return {file: written for file in files if (written := _written(file))}


def _written(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:  # an editor puts another one in its place just now
        return 0
