"""How ``make run`` was asked to run, from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from eda_site import environment
from eda_site.run.errors import CannotRun


@dataclass(frozen=True)
class Options:
    """What can be chosen: see the README's table of variables."""

    home: Path
    host: str
    port: int
    workers: int
    demo: bool
    reload: bool

    @classmethod
    def from_environment(cls) -> Options:
        """Read ``FLOWDECK_HOME``, ``HOST``, ``PORT`` and the others below, and check them."""
        try:
            options = cls(
                home=environment.home(),
                host=os.environ.get("HOST") or "127.0.0.1",
                port=number("PORT", default=8000, most=65535),
                workers=number("WORKERS", default=2, most=256),
                demo=environment.flag("DEMO", default=environment.flag("FLOWDECK_DEMO", True)),
                reload=environment.flag("RELOAD", default=False),
            )
        except (ImproperlyConfigured, OSError) as error:
            raise CannotRun(str(error)) from error
        options.refuse_public_demo()
        return options

    def refuse_public_demo(self) -> None:
        """Never offer accounts with well-known passwords to a network."""
        if self.demo and not environment.is_loopback(self.host):
            raise CannotRun(
                f"Demo mode has well-known passwords and serves this machine only, but HOST is "
                f"{self.host}. Unset HOST, or set DEMO=0, SECRET_KEY and ALLOWED_HOSTS."
            )

    @property
    def address(self) -> str:
        """The address to open in a browser."""
        return f"http://{self.host}:{self.port}"


def number(name: str, default: int, most: int) -> int:
    """The variable ``name`` as a number. Raises CannotRun unless it is one from 1 to ``most``."""
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise CannotRun(f"{name}={text} is not a number from 1 to {most}.")
    return int(text)
