"""A provider of OpenID Connect on loopback that keeps to the specification, but for what a test has it do otherwise.

It checks what a client has to send (OpenID Connect Core 1.0, RFC 7636, RFC 6749): whoever sends something else gets the
error that the specification names.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "hishamos", "the-secret-of-the-client"


@dataclass
class OidcProviderDouble:
    """Codes that were given out, and what is to be done otherwise.

    Args:
        url: its address, which is its issuer.
        claims: what it says of whoever logs in, besides what every token has.
        otherwise: claims of tokens in place of the right ones; ``None`` leaves one out.
        header: of tokens, in place of the right one.
        sign: makes the token of header and claims, in place of the right signature.
        discovery: what it publishes, in place of what is right.
        asked: the paths that were asked for.
    """

    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    otherwise: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    sign: Any = None
    discovery: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    now: float = 0.0
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def log_in(self, url: str) -> tuple[str, str]:
        """What a browser does at the address that it was sent to; the code and the state that it brings back."""
        found = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(found.query).items()}
        assert f"{found.scheme}://{found.netloc}{found.path}" == f"{self.url}/authorize"
        assert (
            query["response_type"] == "code"
            and query["client_id"] == CLIENT
            and "openid" in query["scope"].split()
        )
        assert (
            query["code_challenge_method"] == "S256"
            and len(query["state"]) >= 32
            and len(query["nonce"]) >= 32
        )
        code = f"code-{len(self._codes)}"
        self._codes[code] = query
        return code, query["state"]

    def public_pem(self) -> bytes:
        """The key that everybody knows."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(serialization.Encoding.PEM, form)

    def published(self) -> dict[str, Any]:
        """The keys, as they are published."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [{**key, "kid": "one", "use": "sig", "alg": "RS256"}]}

    def configuration(self) -> dict[str, Any]:
        """What is published about it."""
        return {
            "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token", "jwks_uri": f"{self.url}/keys", **self.discovery,
        }  # fmt: skip

    def token(self, form: Mapping[str, str], login: str) -> tuple[int, dict[str, Any]]:
        """Exchange a code, once, for whoever shows the verifier and the client's secret."""
        if login != f"{CLIENT}:{SECRET}":
            return 401, {"error": "invalid_client"}
        begun = self._codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            begun is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != begun["redirect_uri"]
            or challenge.rstrip(b"=").decode() != begun["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        claims = {
            "iss": self.url, "aud": CLIENT, "sub": "1", "iat": int(self.now), "exp": int(self.now) + 300,
            "nonce": begun["nonce"], "email_verified": True, **self.claims, **self.otherwise,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"kid": "one", **self.header}
        made = (
            self.sign(header, claims) if self.sign else jwt.encode(claims, self._key, "RS256", headers=header)
        )
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": made}


@contextmanager
def oidc_provider() -> Iterator[OidcProviderDouble]:
    """A provider that runs until the end of the block."""
    double = OidcProviderDouble()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            double.asked.append(self.path)
            pages = {"/.well-known/openid-configuration": double.configuration, "/keys": double.published}
            page = pages.get(self.path)
            self._answer(200 if page else 404, page() if page else {})

        def do_POST(self) -> None:
            double.asked.append(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            _, _, encoded = self.headers.get("Authorization", "").partition(" ")
            self._answer(*double.token(form, base64.b64decode(encoded).decode()))

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    double.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
