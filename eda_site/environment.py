"""What the environment variables say, checked; :mod:`eda_site.settings` is built from it.

Two modes. *Demo* is what a fresh clone starts in: a generated key, demo accounts, loopback only.
*Production* begins as soon as ``SECRET_KEY`` or ``ALLOWED_HOSTS`` is given, or ``FLOWDECK_DEMO=0``.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import secrets
import tempfile
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, quote, urlencode, urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

# The limit of a Unix socket's path is 104 bytes on macOS and 108 on Linux, the final NUL included.
MAX_SOCKET_PATH = 100

LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def flag(name: str, default: bool) -> bool:
    """The variable ``name`` as a yes or no."""
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() not in _TRUE | _FALSE:
        raise ImproperlyConfigured(
            f"{name}={value!r} is neither yes nor no: use {name}=1 or {name}=0."
        )
    return value.lower() in _TRUE


def number(name: str, default: int) -> int:
    """The variable ``name`` as a whole number of at least 0."""
    value = os.environ.get(name, "")
    if not value:
        return default
    if not value.isascii() or not value.isdigit():
        raise ImproperlyConfigured(f"{name}={value!r} is no whole number: use {name}=20.")
    return int(value)


def words(name: str) -> list[str]:
    """The variable ``name`` as a comma-separated list."""
    return [word.strip() for word in os.environ.get(name, "").split(",") if word.strip()]


def proxies(name: str) -> list[str]:
    """The variable ``name`` as addresses and networks, each checked."""
    listed = words(name)
    for one in listed:
        try:
            ipaddress.ip_network(one)
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{name} names {one!r}, which is no address and no network ({error}): "
                f"use {name}=10.0.0.5,10.1.0.0/16."
            ) from error
    return listed


def home() -> Path:
    """The folder of everything that a running Flowdeck writes; made, for its owner only."""
    path = Path(os.environ.get("FLOWDECK_HOME") or BASE_DIR / "var").expanduser().absolute()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def demo() -> bool:
    """Whether this is the demo: unless told, yes as long as nothing of production is configured."""
    production = bool(os.environ.get("SECRET_KEY") or os.environ.get("ALLOWED_HOSTS"))
    return flag("FLOWDECK_DEMO", default=not production)


def allowed_hosts(demo: bool) -> list[str]:
    """The host names that are served; the demo refuses any that others could reach."""
    hosts = words("ALLOWED_HOSTS")
    if not demo:
        return hosts
    public = [host for host in hosts if not is_loopback(host)]
    if public:
        raise ImproperlyConfigured(
            f"Demo mode has well-known passwords and serves this machine only, but ALLOWED_HOSTS "
            f"names {', '.join(public)}. Set FLOWDECK_DEMO=0 (make run: DEMO=0) and SECRET_KEY to "
            "serve others, or unset ALLOWED_HOSTS."
        )
    return LOOPBACK_HOSTS


def is_loopback(host: str) -> bool:
    """Whether ``host`` (a name or an address, perhaps in brackets) is this machine only."""
    host = host.strip("[]").lower()
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def secret_key(demo: bool, home: Path) -> str:
    """``SECRET_KEY``; in demo mode one is made once and kept in ``home``."""
    if key := os.environ.get("SECRET_KEY"):
        return key
    if demo:
        return _kept_key(home / "secret_key")
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. Outside of demo mode it has to be: a long random text, kept secret "
        "and the same on every host. Make one with: "
        "python -c 'import secrets; print(secrets.token_urlsafe(50))'"
    )


def _kept_key(path: Path) -> str:
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        try:
            os.link(draft, path)  # fails if another process was faster, whose key then counts
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def redis_socket(home: Path) -> Path:
    """Where the embedded Redis of ``home`` listens: in a temporary folder if ``home`` is deep."""
    path = home / "redis.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    short = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"flowdeck-{os.getuid()}-{short}" / "redis.sock"


def redis_url(home: Path) -> str:
    """``REDIS_URL``, else the embedded Redis of ``home``."""
    return os.environ.get("REDIS_URL") or f"unix://{redis_socket(home)}"


def broker_url(redis_url: str) -> str:
    """``CELERY_BROKER_URL``, else Redis, in Celery's own spelling where that differs."""
    if url := os.environ.get("CELERY_BROKER_URL"):
        redis_url = url
    parts = urlsplit(redis_url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if parts.scheme == "unix":
        database = query.get("db", "0")
        return f"redis+socket://{_credentials(parts, query)}{parts.path}?virtual_host={database}"
    if "db" not in query or parts.scheme not in ("redis", "rediss"):
        return redis_url
    path, rest = f"/{query.pop('db')}", urlencode(query)
    return urlunsplit((parts.scheme, parts.netloc, path, rest, ""))


def _credentials(parts: SplitResult, query: dict[str, str]) -> str:
    """The user and password of a socket's URL, in which redis-py takes them in two ways."""
    user = parts.username or quote(query.get("username", ""), safe="")
    password = parts.password or quote(query.get("password", ""), safe="")
    return f"{user}:{password}@" if user or password else ""
