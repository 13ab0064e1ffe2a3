"""The plants of ``make plants`` fit the code and docs/guarantees.md; running them takes minutes."""

from __future__ import annotations

from tests.plants.plant import ROOT, mechanisms, plants


def test_every_plant_fits_the_code() -> None:
    for plant in plants():
        assert plant.changes, plant.mechanism
        assert all(change.made_in(ROOT) for change in plant.changes)


def test_every_plant_names_tests_that_are_there() -> None:
    for plant in plants():
        assert plant.tests, plant.mechanism
        for _, test in plant.tests:
            file, _, name = test.partition("[")[0].partition("::")
            assert not name or f"def {name}(" in (ROOT / file).read_text(), test


def test_every_mechanism_in_the_guarantees_is_planted() -> None:
    assert set(mechanisms()) == {plant.mechanism for plant in plants()}
