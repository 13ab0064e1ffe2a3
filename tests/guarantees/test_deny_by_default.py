"""Invariant 9: nobody sees or does what their permissions don't give.

``matrix/permissions.txt`` says what each kind of person gets of each page, operation of the API,
live view and model of the admin. What these are is asked of the site itself: something new that is
not in the table fails the test, so nobody can add anything without saying who may use it.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from flowdeck.models import AuditEntry
from flowdeck.people import access
from tests.flowdeck.live.communicate import in_thread
from tests.guarantees.matrix import looks, scene, table

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def built(settings: Any) -> scene.Scene:
    settings.DEMO = True
    return scene.build()


def compare(kind: str, found: table.Table) -> None:
    stated = {thing: cells for thing, cells in table.read().items() if thing.startswith(kind)}
    if wrong := table.differences(stated, found):
        pytest.fail(wrong, pytrace=False)


@pytest.mark.parametrize(
    "people",
    [("nobody", "customer", "viewer"), pytest.param(table.PEOPLE, marks=pytest.mark.long)],
    ids=["few", "all"],
)
def test_everybody_gets_what_the_table_says_of_each_page(
    people: tuple[str, ...], built: scene.Scene
) -> None:
    found = looks.look_at_pages(built, people)
    compare("page ", found)


def test_everybody_gets_what_the_table_says_of_the_api(built: scene.Scene) -> None:
    found = looks.look_at_operations(built)
    compare("api ", found)


def test_everybody_gets_what_the_table_says_of_the_admin(built: scene.Scene) -> None:
    found = looks.look_at_admin(built)
    compare("admin ", found)


async def test_everybody_gets_what_the_table_says_of_live_views(settings: Any) -> None:
    settings.DEMO = True
    found = await looks.look_at_live_views(await in_thread(scene.build)())
    compare("live ", found)


def test_the_table_has_nothing_else() -> None:
    kinds = {thing.partition(" ")[0] for thing in table.read()}
    assert kinds == {"page", "api", "admin", "live"}


def test_no_other_method_gets_more(built: scene.Scene) -> None:
    """PUT, PATCH and DELETE: refused, or as if the page had been looked at."""
    who = "customer"
    browser, known, wrong = built.browser(who), table.read(), []
    for address in looks.pages():
        if address.name.endswith("logout"):
            continue
        allowed = {
            known[f"page {m:<4} {address.name}"][table.PEOPLE.index(who)] for m in looks.METHODS
        }
        for method in looks.OTHER_METHODS:
            got = str(browser.generic(method, address.path(built.values)).status_code)
            if got not in {"405", *allowed}:
                wrong.append((method, address.name, got))
    for _, path, address in looks.operations():
        for method in looks.OTHER_METHODS:
            if browser.generic(method, address.path(built.values)).status_code != 405:
                wrong.append((method, path, "is not refused"))
    assert wrong == []


@pytest.fixture
def people() -> dict[str, Any]:
    return scene.people()


@pytest.mark.parametrize("path", ["/shop/orders/", "/processors/probe.atomic/pause/"])
def test_a_form_without_its_csrf_token_is_refused(path: str, people: dict[str, Any]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["admin"])
    assert client.post(path, {}).status_code == 403


@pytest.mark.parametrize("path", ["/shop/orders/", "/processors/probe.atomic/pause/"])
def test_looking_changes_nothing(path: str, people: dict[str, Any]) -> None:
    client = Client()
    client.force_login(people["admin"])
    assert client.get(path).status_code == 405


def test_a_permission_that_there_is_not_is_denied(people: dict[str, Any]) -> None:
    assert not access.can(people["operator"], "launch_rockets")
    assert "need the permission" in access.can(people["operator"], "launch_rockets").reason
    people["admin"].is_active = False
    assert not access.can(people["admin"], "view_log")


@pytest.mark.parametrize("who", ["customer", "viewer"])
def test_every_action_that_is_denied_is_in_the_audit(who: str, built: scene.Scene) -> None:
    """Each POST that the table answers with 403, of pages and of the API."""
    browser, known, column = built.browser(who), table.read(), table.PEOPLE.index(who)
    tried = [
        address.path(built.values)
        for address in looks.pages()
        if known[f"page POST {address.name}"][column] == "403"
        and known[f"page GET  {address.name}"][column] == "405"  # not a page that is looked at
    ]
    for path in tried:
        assert browser.post(path, {"reason": "test"}).status_code == 403
    for method, path, address in looks.operations():
        if method == "POST" and known[f"api POST {path.removeprefix('/api/v1')}"][column] == "403":
            tried.append(address.path(built.values))
            body = looks.BODIES.get(address.name.partition(":")[2], {})
            assert browser.post(tried[-1], body, "application/json").status_code == 403
    entries = AuditEntry.objects.filter(who=who, allowed=False)
    assert len(tried) > 10
    assert set(tried) - set(entries.values_list("target", flat=True)) == set()
