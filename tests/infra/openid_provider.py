"""A small provider of OpenID Connect: it knows some people, and asks nobody for a password."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT, SECRET = "flowdeck", "of-the-client"


class Provider(ThreadingHTTPServer):
    """``who`` is there now, as the claims of its user endpoint."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.who: dict[str, Any] = {}
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: dict[str, dict[str, Any]] = {}

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Provider]:
        """Serve until the block ends."""
        with cls() as provider:
            threading.Thread(target=provider.serve_forever, daemon=True).start()
            yield provider
            provider.shutdown()

    def code_for(self, asked: dict[str, str]) -> str:
        """The address that the browser comes back to, with a code that is good for once."""
        code = uuid4().hex
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def tokens_for(self, given: dict[str, str]) -> dict[str, Any]:
        """Tokens for a code; raises KeyError or AssertionError for whoever is not to have them."""
        asked = self.codes.pop(given["code"])
        verifier = hashlib.sha256(given["code_verifier"].encode()).digest()
        proof = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        assert asked["code_challenge"] == proof
        assert (given["client_id"], given["client_secret"]) == (CLIENT, SECRET)
        access, now = uuid4().hex, int(time.time())
        self.tokens[access] = dict(self.who)
        claims = {"iss": self.url, "sub": self.who["sub"], "aud": CLIENT, "nonce": asked["nonce"]}
        signed = jwt.encode(
            {**claims, "iat": now, "exp": now + 60}, self.key, "RS256", headers={"kid": "one"}
        )
        return {"access_token": access, "id_token": signed, "token_type": "Bearer"}


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.endswith("/auth"):
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self.send_response(302)
            self.send_header("Location", self.server.code_for(asked))
            self.end_headers()
        elif parts.path.endswith("/certs"):
            public = json.loads(RSAAlgorithm.to_jwk(self.server.key.public_key()))
            self._answer({"keys": [{**public, "kid": "one", "alg": "RS256"}]})
        else:
            token = self.headers["Authorization"].removeprefix("Bearer ")
            self._answer(self.server.tokens[token])

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        self._answer(self.server.tokens_for(given))

    def _answer(self, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""
