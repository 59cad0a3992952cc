"""A small OpenID provider as a process on a socket: `python -m tests.console.web.provider`. It signs whatever tests ask for.

`POST /_set` takes `{"claims": {…}, "sign": "right|other|none|secret", "drop": ["nonce"], "refuse": "access_denied"}` for what
follows; `GET /_seen` has the requests for tokens.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, SECRET = "tieback", "provider-knows-this-secret-0123456789"


class State:
    def __init__(self, issuer: str):
        self.issuer = issuer
        self.key = RSAKey.generate_key(2048, {"kid": "k1"}, private=True)
        self.other = RSAKey.generate_key(2048, {"kid": "k1"}, private=True)
        self.wish: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.seen: list[dict[str, Any]] = []

    def document(self) -> dict[str, Any]:
        at = self.issuer
        return {
            "issuer": self.wish.get("issuer", at), "authorization_endpoint": f"{at}/authorize", "token_endpoint": f"{at}/token",
            "jwks_uri": f"{at}/jwks", "userinfo_endpoint": f"{at}/userinfo", "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256", "none", "HS256"],
        }  # fmt: skip

    def token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": "u-17", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce,
                  "preferred_username": "ana", "groups": ["site-ops"]}  # fmt: skip
        claims |= self.wish.get("claims", {})
        claims = {name: value for name, value in claims.items() if name not in self.wish.get("drop", [])}
        sign = self.wish.get("sign", "right")
        if sign == "none":
            parts = ({"alg": "none"}, claims)
            return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."
        if sign == "secret":
            return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))
        return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.other if sign == "other" else self.key)


class Handler(BaseHTTPRequestHandler):
    state: State

    def log_message(self, *_args: Any) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/.well-known/openid-configuration":
            self._json(self.state.document())
        elif parts.path == "/jwks":
            self._json({"keys": [self.state.key.as_dict(private=False)]})
        elif parts.path == "/userinfo":
            self._json({"sub": "u-17", "groups": ["site-ops"], **self.state.wish.get("userinfo", {})})
        elif parts.path == "/_seen":
            self._json(self.state.seen)
        elif parts.path == "/authorize":
            self._authorize(asked)
        else:
            self._json({}, 404)

    def _authorize(self, asked: dict[str, str]) -> None:
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.state.codes[code] = asked
        answer = {"state": asked["state"], "code": code}
        if self.state.wish.get("refuse"):
            answer = {"state": asked["state"], "error": self.state.wish["refuse"]}
        self.send_response(302)
        self.send_header("Location", f"{asked['redirect_uri']}?{urlencode(answer | self.state.wish.get('answer', {}))}")
        self.end_headers()

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/_set":
            self.state.wish = json.loads(raw)
            self._json({})
            return
        form = {name: values[0] for name, values in parse_qs(raw.decode()).items()}
        self.state.seen.append({**form, "authorization": self.headers.get("Authorization", "")})
        begun = self.state.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        user, _, password = base64.b64decode(self.headers.get("Authorization", "Basic Og==")[6:]).decode().partition(":")
        if (user, unquote(password)) != (CLIENT, SECRET):
            self._json({"error": "invalid_client"}, 401)
        elif begun is None or begun["code_challenge"] != challenge or begun["redirect_uri"] != form.get("redirect_uri"):
            self._json({"error": "invalid_grant"}, 400)
        else:
            self._json({"access_token": "a" * 40, "token_type": "Bearer", "id_token": self.state.token(begun["nonce"])})

    def _json(self, value: Any, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.state = State(f"http://127.0.0.1:{server.server_port}")
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
