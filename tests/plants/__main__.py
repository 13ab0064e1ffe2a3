"""``make plants``: take each mechanism out of a copy of the code, and see its tests fail.

Words given choose plants by mechanism or test. First the tests are run on the code as it is, where
they must pass. Exit code 1 if any test does not miss its mechanism.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from tests.plants.plant import ROOT, Plant, plants
from tests.run import a_postgresql, a_redis

_FAILED = 1  # pytest: tests were run and some failed; anything else is no verdict


def main(words: list[str]) -> int:
    """Run the plants chosen by ``words``, print a line for each test of each, count what fails."""
    chosen = [one for one in plants() if any(word in str(one) for word in words or [""])]
    with tempfile.TemporaryDirectory(prefix="fdp-") as folder, ExitStack() as servers:
        copy = _copied(Path(folder) / "copy")
        field = _Field(copy, servers.enter_context(a_redis(Path(folder))))
        field.urls["postgresql"] = servers.enter_context(a_postgresql())
        unsound = field.sound(chosen)
        missed = sum(field.missed_by(plant) for plant in chosen)
    print(f"{len(chosen)} plants: {missed} not caught; {unsound} suites fail without any")
    return bool(missed or unsound)


class _Field:
    """The copy that plants are set in, and the servers its tests run on."""

    def __init__(self, copy: Path, redis_url: str) -> None:
        self._copy = copy
        self._redis_url = redis_url
        self._made: set[str] = set()
        self.urls = {"sqlite": f"sqlite:///{copy / 'flowdeck.sqlite3'}"}

    def sound(self, chosen: list[Plant]) -> int:
        """Run the tests of all ``chosen`` as the code is; return how many suites fail."""
        wrong = 0
        for database in self.urls:
            tests = sorted({test for p in chosen for name, test in p.tests if name == database})
            code, said = self._run(database, tests, anew=True) if tests else (0, "")
            if code:
                print(f"on {database} without any plant: pytest says {code}\n{said}", flush=True)
                wrong += 1
        return wrong

    def missed_by(self, plant: Plant) -> int:
        """Set the plant, run its tests, take it out again; how many did not miss anything."""
        before = {one.file: (self._copy / one.file).read_text() for one in plant.changes}
        try:
            for change in plant.changes:
                (self._copy / change.file).write_text(change.made_in(self._copy))
            return sum(not self._caught(plant, *test) for test in plant.tests)
        finally:
            for file, text in before.items():
                (self._copy / file).write_text(text)

    def _caught(self, plant: Plant, database: str, test: str) -> bool:
        anew = plant.in_database or database not in self._made
        code, said = self._run(database, [test], anew=anew)
        self._made -= {database} if plant.in_database else set()
        verdict = "caught" if code == _FAILED else "MISSED"
        print(f"{verdict}  {plant.mechanism}  |  {database}: {test}", flush=True)
        if code > _FAILED:
            print(said)
        return code == _FAILED

    def _run(self, database: str, tests: Iterable[str], *, anew: bool) -> tuple[int, str]:
        environment = {
            **os.environ,
            "FLOWDECK_HOME": str(self._copy),
            "DATABASE_URL": self.urls[database],
            "REDIS_URL": self._redis_url,
            "PYTHONDONTWRITEBYTECODE": "1",  # a plant as long as another would be taken for it
            "DJANGO_SETTINGS_MODULE": "tests.settings",  # importing eda_site has chosen the site's
        }
        how = "--create-db" if anew else "--reuse-db"
        words = [
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            "--hypothesis-profile=unshrunk",
            "--reuse-db",
            how,
            *tests,
        ]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *words],
            cwd=self._copy,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        self._made.add(database)
        return done.returncode, done.stdout[-3000:] + done.stderr[-1000:]


def _copied(where: Path) -> Path:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (where / name).parent.mkdir(parents=True, exist_ok=True)
            (where / name).write_bytes((ROOT / name).read_bytes())
    return where


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
