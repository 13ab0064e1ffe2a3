"""What every answer carries, what a token may do, and what never gets into a log."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management import call_command
from django.test import Client, RequestFactory
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from eda_site import environment
from eda_site.lockout import ACCOUNT_LIMIT, ADDRESS_LIMIT, address
from flowdeck.live.origin import is_own
from flowdeck.models import ApiToken, AuditEntry
from flowdeck.people import tokens
from tests.accounts import person, ready, signed_in

pytestmark = pytest.mark.django_db(transaction=True)


def raises(*_: object) -> None:
    raise RuntimeError("the page is broken")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/account/", 200),
        ("/events/", 500),
        ("/none/", 404),
        ("/lab/class/", 403),
        ("/", 200),
        ("/admin/", 200),
        ("/admin/flowdeck/event/", 200),
        ("/admin/none/", 404),
        ("/api/v1/products", 200),
        ("/api/v1/none", 404),
        ("/api/v1/openapi.json", 200),
        ("/static/flowdeck/js/main.js", 200),
        ("/accounts/login/", 302),
    ],
)
def test_every_answer_says_what_browsers_may_do(
    path: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowdeck.dashboard.logs.page.search", raises)
    user = person("operator")
    client = Client(raise_request_exception=False)
    client.force_login(user)
    answer = client.get(path)
    answer.close()  # a static file is one that is open
    assert answer.status_code == status
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"unsafe|data:|\*|https?:", policy)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]
    if not path.startswith("/static/"):
        assert answer["X-Frame-Options"] == "DENY"


def test_a_token_that_may_look_only_changes_nothing() -> None:
    headers = {
        "Authorization": f"Bearer {tokens.issue(person('operator'), scope='read')}",
        "Idempotency-Key": "k",
    }
    client = Client(headers=headers)
    assert client.get("/api/v1/events").status_code == 200
    for path in ("orders", "dead-letters/retries", "dead-letters/bulk", "events/1/reveal"):
        refused = client.post(f"/api/v1/{path}", json.dumps({}), "application/json")
        assert refused.status_code == 403
        assert "may look only" in refused.json()["detail"]
    entry = AuditEntry.objects.order_by("-id")[0]
    assert (entry.who, entry.action, entry.allowed) == ("operator", "use_token", False)


def test_tokens_are_made_with_a_name_and_a_scope_and_the_audit_knows() -> None:
    client = signed_in(person("customer"))
    assert client.post("/account/tokens/", {"scope": "everything"}).status_code == 302
    assert not ApiToken.objects.exists()
    client.post("/account/tokens/", {"name": "nightly <b>\x00", "scope": "read"})
    token = ApiToken.objects.get()
    assert (token.name, token.scope) == ("nightly <b>", "read")
    assert "nightly &lt;b&gt;" in client.get("/account/").content.decode()
    client.post(f"/account/tokens/{token.pk}/revoke/")
    told = AuditEntry.objects.order_by("id").values_list("who", "action", "target")
    number = f"token {token.pk}"
    assert list(told) == [
        ("customer", "create_token", number),
        ("customer", "revoke_token", number),
    ]


def test_giving_a_group_is_in_the_audit() -> None:
    user, group = person("customer"), ready("operator")
    form = {"username": "customer", "is_active": "on", "groups": [group.pk]}
    changed = signed_in(person("admin")).post(f"/admin/auth/user/{user.pk}/change/", form)
    assert changed.status_code == 302
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.action, entry.target, entry.reason) == (
        "admin",
        "change_user",
        "user customer",
        "groups: flowdeck-operator",
    )


@pytest.mark.parametrize("password", ["shortone1", "123456789012", "password1234", "customer2026"])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password, User(username="customer2026", email="c@example.org"))


def test_no_secret_gets_into_a_log(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    user = person("admin")
    user.set_password("correct horse battery staple")
    user.save()
    client = Client(raise_request_exception=False)
    client.post("/accounts/login/", {"username": "admin", "password": "wrong horse"})
    client.post(
        "/accounts/login/", {"username": "admin", "password": "correct horse battery staple"}
    )
    client.post("/account/tokens/")
    call_command("create_token", "admin")
    token = capsys.readouterr().out.splitlines()[-1]
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    for given in (token, "fd_" + "a" * 43):
        bearer = Client(headers={"Authorization": f"Bearer {given}"})
        bearer.get("/api/v1/events")
        bearer.post("/api/v1/events/1/reveal", "{", "application/json")
    said = "\n".join(
        f"{record.getMessage()} {record.exc_text or ''}"
        for record in caplog.records
        if not record.name.startswith("django.db")  # statements, which nobody logs in production
    )
    for secret in (token, session, "wrong horse", "correct horse", "fd_aaaa", settings.SECRET_KEY):
        assert secret not in said


def _handshake(origin: bytes, **more: object) -> dict[str, object]:
    return {
        "type": "websocket",
        "path": "/ws/live/",
        "query_string": b"",
        "subprotocols": [],
        "scheme": "ws",
        "headers": [(b"host", b"testserver"), (b"origin", origin)],
        "client": ("127.0.0.1", 1),
        **more,
    }


@pytest.mark.parametrize(
    ("origin", "opened"),
    [
        (b"http://testserver", True),
        (b"https://testserver", False),
        (b"http://testserver:8080", False),
        (b"http://a.testserver", False),
        (b"https://partner.example", True),
        (b"https://a.friends.example", True),
        (b"https://friends.example.evil", False),
        (b"https://evil.example", False),
        (b"http://[", False),
        (b"null", False),
        (b"", False),
    ],
)
async def test_a_socket_opens_for_pages_of_this_site_only(
    origin: bytes, opened: bool, settings: Any
) -> None:
    from eda_site.asgi import application

    settings.CSRF_TRUSTED_ORIGINS = ["https://partner.example", "https://*.friends.example"]
    socket = ApplicationCommunicator(application, _handshake(origin))
    await socket.send_input({"type": "websocket.connect"})
    answer = await socket.receive_output(10)
    assert answer["type"] == ("websocket.accept" if opened else "websocket.close")
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    await socket.wait(10)


@pytest.mark.parametrize(
    ("peer", "chain", "client", "own"),
    [
        ("10.0.0.1", b"203.0.113.7", "203.0.113.7", True),
        ("10.0.0.1", b"6.6.6.6, 203.0.113.7", "203.0.113.7", True),
        ("10.0.0.1", b"6.6.6.6, 203.0.113.7, 10.9.0.1", "203.0.113.7", True),
        ("203.0.113.9", b"6.6.6.6", "203.0.113.9", False),
    ],
)
async def test_only_proxies_that_are_named_are_believed(
    peer: str, chain: bytes, client: str, own: bool, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    seen: list[dict[str, object]] = []

    async def note(scope: dict[str, object], receive: object, send: object) -> None:
        seen.append(scope)

    trusted = environment.proxies("PROXIES")
    forwarded = [(b"x-forwarded-for", chain), (b"x-forwarded-proto", b"https")]
    scope = _handshake(b"https://testserver", client=(peer, 1))
    scope["headers"] = [*scope["headers"], *forwarded]
    await ProxyHeadersMiddleware(note, trusted)(scope, None, None)
    assert seen[0]["client"][0] == client
    assert is_own(seen[0]) is own


@pytest.fixture(autouse=True)
def _proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXIES", "10.0.0.1, 10.9.0.0/16")


def test_a_proxy_that_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXIES", "10.0.0.1,proxy.local")
    with pytest.raises(ImproperlyConfigured, match=r"'proxy\.local', which is no address"):
        environment.proxies("PROXIES")


@pytest.mark.parametrize("path", ["/accounts/login/", "/api/v1/orders"])
@pytest.mark.parametrize("says_its_length", [True, False])
async def test_a_body_is_counted_as_it_comes(path: str, says_its_length: bool) -> None:
    from eda_site.asgi import application

    kind = b"application/json" if "api" in path else b"application/x-www-form-urlencoded"
    size = 700 * 1024 * 1024
    said = (b"content-length", str(size).encode())
    other = (b"transfer-encoding", b"chunked")
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "scheme": "http",
        "headers": [
            (b"host", b"testserver"),
            (b"content-type", kind),
            said if says_its_length else other,
        ],
        "client": ("127.0.0.1", 1),
    }
    sent, answers = 0, []

    async def receive() -> dict[str, object]:
        nonlocal sent
        sent += 65536
        return {"type": "http.request", "body": b"x" * 65536, "more_body": sent < size}

    async def send(message: dict[str, object]) -> None:
        answers.append(message)

    await application(scope, receive, send)
    assert answers[0]["status"] == 413
    assert b"512 KiB" in answers[1]["body"]
    assert (answers[1]["body"][:1] == b"{") is (kind == b"application/json")
    assert sent <= 512 * 1024 + 65536


def _tries(client: Client, names: list[str], where: str) -> list[int]:
    form = {"password": "wrong horse"}
    return [
        client.post("/accounts/login/", {**form, "username": name}, REMOTE_ADDR=where).status_code
        for name in names
    ]


def test_guesses_from_one_address_over_many_accounts_come_to_an_end() -> None:
    client, everybody = Client(), [f"somebody-{number}" for number in range(ADDRESS_LIMIT)]
    said = _tries(client, everybody, "203.0.113.7")
    assert (said[:-1], said[-1]) == ([200] * (ADDRESS_LIMIT - 1), 429)
    assert _tries(client, ["another"], "203.0.113.7") == [429]
    assert _tries(client, ["another"], "203.0.113.8") == [200]


def test_an_address_of_ipv6_is_that_of_its_network() -> None:
    one = RequestFactory().get("/", REMOTE_ADDR="2001:db8:1:2:3::4")
    other = RequestFactory().get("/", REMOTE_ADDR="2001:db8:1:2:ffff::1")
    assert address(one) == address(other) == "2001:db8:1:2::"


def test_what_others_say_of_a_client_does_not_move_the_lock() -> None:
    client = Client()
    for number in range(ACCOUNT_LIMIT):
        client.post(
            "/accounts/login/",
            {"username": "anna", "password": "wrong horse"},
            headers={"X-Forwarded-For": f"198.51.100.{number}"},
        )
    assert _tries(client, ["anna"], "127.0.0.1") == [429]


@pytest.mark.parametrize("path", ["/account/", "/events/", "/shop/", "/admin/", "/none/"])
def test_what_is_private_is_kept_by_no_cache(path: str) -> None:
    assert "no-store" in signed_in(person("admin")).get(path)["Cache-Control"]


def test_the_library_needs_nobody_else_to_keep_caches_away(settings: Any) -> None:
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if one != "eda_site.headers.headers"]
    client = signed_in(person("operator"))
    for answer in (
        client.get("/events/"),
        signed_in(person("customer")).get("/events/"),
        client.get("/audit/export/"),
        client.get("/live/regions/?view=log"),
        client.get("/api/v1/events"),
    ):
        assert answer.headers.get("Cache-Control") == "no-store", answer.request["PATH_INFO"]


def test_what_a_token_gets_is_kept_by_no_cache() -> None:
    bearer = Client(headers={"Authorization": f"Bearer {tokens.issue(person('operator'))}"})
    assert bearer.get("/api/v1/events")["Cache-Control"] == "no-store"


def test_everybody_changes_their_password_and_tokens_end_with_the_old_one(settings: Any) -> None:
    settings.DEMO = False
    user = person("customer")
    user.set_password("correct horse battery staple")
    user.save()
    tokens.issue(user)
    here, elsewhere = signed_in(user), signed_in(user)
    assert "Change your password" in here.get("/account/").content.decode()
    form = {"old_password": "correct horse battery staple"}
    weak = {**form, "new_password1": "customer", "new_password2": "customer"}
    assert "too short" in here.post("/accounts/password/", weak).content.decode()
    assert tokens.of(user).count() == 1
    new = {**form, "new_password1": "staple battery horse", "new_password2": "staple battery horse"}
    assert here.post("/accounts/password/", new).status_code == 302
    assert here.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302
    assert not tokens.of(user).exists()
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["create_token", "change_password", "revoke_token"]


def test_the_demo_keeps_its_passwords() -> None:
    user = person("customer")
    assert signed_in(user).get("/accounts/password/").status_code == 302
