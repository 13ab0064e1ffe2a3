"""PgBouncer in transaction mode before a PostgreSQL: each transaction gets any connection."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg

_START_SECONDS = 20
_CONFIG = """
[databases]
* = host={host} port={port} user={user}
[pgbouncer]
{where}
listen_port = {listen}
auth_type = any
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 500
ignore_startup_parameters = extra_float_digits
server_reset_query = DISCARD ALL
server_login_retry = 1
{as_whom}
"""


@contextmanager
def a_pooler(url: str, size: int = 20) -> Iterator[str]:
    """The URL of a pooler that keeps up to ``size`` connections to the database of ``url``."""
    server, listen = urlsplit(url), _free_port()
    with tempfile.TemporaryDirectory(prefix="fdpb-") as folder:
        command = pooler_command(url, Path(folder), listen, size=size)
        pooler = subprocess.Popen(command, start_new_session=True)
        try:
            pooled = f"postgresql://{server.username}@127.0.0.1:{listen}{server.path}"
            _wait_for(pooled, pooler)
            yield pooled
        finally:
            pooler.kill()  # its clients are gone
            pooler.wait()


def pooler_command(
    url: str, folder: Path, listen: int, *, size: int = 20, by_socket: bool = False
) -> list[str]:
    """What starts a pooler before the database of ``url``, with its settings in ``folder``.

    It listens on the port ``listen`` of this machine, or ``by_socket`` at a Unix socket of that
    number in ``folder``. Raises SystemExit where no PgBouncer is installed.
    """
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    if not Path(program).exists():
        raise SystemExit("A pooler needs PgBouncer 1.18 or newer: apt-get install pgbouncer")
    server = urlsplit(url)
    host = parse_qs(server.query).get("host", [server.hostname])[0] or "127.0.0.1"
    # It refuses to be root, and has to get into the folder of a socket.
    root = getpass.getuser() == "root"
    whom = Path(host).owner() if host.startswith("/") else "nobody"
    folder.chmod(0o755)
    if by_socket and root:
        shutil.chown(folder, whom)
    config = _CONFIG.format(
        host=host,
        port=server.port or 5432,
        user=server.username,
        where=f"unix_socket_dir = {folder}"
        if by_socket
        else "listen_addr = 127.0.0.1\nunix_socket_dir =",
        listen=listen,
        size=size,
        as_whom=f"user = {whom}" if root else "",
    )
    file = folder / "pgbouncer.ini"
    file.write_text(config)
    return [program, "-q", str(file)]


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, pooler: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline or pooler.poll() is not None:
                raise SystemExit(f"PgBouncer did not start: {error}") from error
            time.sleep(0.05)
        else:
            return
