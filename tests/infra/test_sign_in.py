"""docs/sign_in.md as it stands: groups of an OpenID Connect provider are roles here."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.infra.commands import ran
from tests.infra.conftest import ROOT
from tests.infra.guide import blocks
from tests.infra.host_project import installed
from tests.infra.openid_provider import CLIENT, SECRET, Provider
from tests.polling import eventually
from tests.site import free_port, listens

pytestmark = pytest.mark.long

_TUTORIAL, _GUIDE = ROOT / "docs" / "tutorial.md", ROOT / "docs" / "sign_in.md"
_REFUSED = 'path("refused/", lambda request: __import__("django.http").http.HttpResponse("sorry"))'


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider that runs."""
    with Provider.running() as running:
        yield running


@pytest.fixture
def site(provider: Provider, wheel: Path, tmp_path: Path) -> Iterator[str]:
    """The address of the tutorial's project with the guide's sign-in, served by runserver."""
    python = installed(tmp_path / "venv", str(wheel))
    environment = {
        **os.environ,
        "OIDC_PROVIDER": provider.url,
        "OIDC_CLIENT_ID": CLIENT,
        "OIDC_CLIENT_SECRET": SECRET,
    }
    del environment["DJANGO_SETTINGS_MODULE"]
    ran(tmp_path, environment, "-m", "django", "startproject", "mysite", ".", python=python)
    for name, code in blocks(_TUTORIAL, _GUIDE):
        file = tmp_path / name.replace("depot/", "mysite/")
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_text() if file.exists() else ""
        file.write_text(before + code.replace("depot.", "mysite.").replace('"daphne",', ""))
    with (tmp_path / "mysite" / "urls.py").open("a") as addresses:
        addresses.write(f"urlpatterns.insert(0, {_REFUSED})\n")
    for words in (["migrate", "-v0"], ["flowdeck", "groups"]):
        ran(tmp_path, environment, "manage.py", *words, python=python)
    port = free_port()
    log = tmp_path / "server.txt"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [python, "manage.py", "runserver", "--noreload", str(port)],
            cwd=tmp_path,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually(lambda: listens(port) or server.poll() is not None)
        assert server.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def signed_in(site: str, provider: Provider, name: str, *groups: str, **more: Any) -> Any:
    """What somebody gets who opens the dead letters and is sent to the provider and back."""
    email = f"{name}@example.org"
    told = {"sub": name, "email": email, "email_verified": True, "groups": list(groups)}
    provider.who = {**told, **more}
    with requests.Session() as browser:
        return browser.get(f"{site}/dead-letters/", timeout=60)


def test_groups_of_the_provider_are_roles_as_the_setting_says(
    site: str, provider: Provider
) -> None:
    assert signed_in(site, provider, "olga", "on-call", "finance").url == f"{site}/dead-letters/"
    assert signed_in(site, provider, "olga", "on-call", "finance").status_code == 200
    for groups in ((), ("admin", "operator", "flowdeck-admin", "finance")):
        assert signed_in(site, provider, "paul", *groups).status_code == 403
    assert signed_in(site, provider, "paul", "platform").status_code == 200
    assert signed_in(site, provider, "olga").status_code == 403  # taken away at the provider
    # Somebody else's address, not proven, opens no account of theirs.
    unproven = signed_in(site, provider, "paul", "platform", email_verified=False)
    assert unproven.url == f"{site}/refused/"
