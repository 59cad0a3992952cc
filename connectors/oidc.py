"""OpenID Connect, the authorization code flow with PKCE: from the address that a browser opens to claims that hold.

Authlib writes the addresses and the token request and judges the claims, joserfc the signature; what goes out goes through
our guarded client. The operator names the issuer; its document may name other hosts for tokens and keys.
Source: OpenID Connect Core 1.0 (3.1.3.7), Discovery 1.0 (4.3); RFC 7636; RFC 9207 (`iss` in the answer); RFC 9700.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from config.errors import ConfigError, Permanent, Transient
from config.hiding import hide
from config.sign_on import SignOn
from connectors import http
from connectors.addresses import Resolver, origin
from connectors.addresses import resolve as resolve_name
from connectors.remarks import plain
from connectors.signin import Guarded

DOCUMENT_S = 3600.0
KEYS_AT_MOST_EVERY_S = 60.0
LEEWAY_S = 60
CAP_BYTES = 1 << 20
# What a public key signs. A secret that both sides know, or none, would let others make tokens.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
_KIND = "sign_in"


class Provider:
    """One provider as this process knows it. May be used from several threads."""

    def __init__(self, given: SignOn, resolver: Resolver = resolve_name):
        self._given, self._resolver = given, resolver
        self._guard = threading.Lock()
        self._document: tuple[float, Mapping[str, Any]] = (0.0, {})
        self._keys: tuple[float, KeySet | None] = (0.0, None)

    def address(self, state: str, nonce: str, verifier: str) -> str:
        """What the browser opens. Raises: Transient, Permanent, ConfigError when the provider's document cannot be had."""
        endpoint = self._endpoint("authorization_endpoint")
        url, _ = self._oauth().create_authorization_url(
            endpoint, state, code_verifier=verifier, nonce=nonce, scope=self._given.scopes
        )
        return str(url)

    def claims(self, code: str, nonce: str, verifier: str) -> Mapping[str, Any]:
        """What the provider says of the person, after every check. Raises: Permanent when one fails, Transient."""
        tokens = self._tokens(code, verifier)
        claims = self._checked(str(tokens.get("id_token") or ""), nonce, str(tokens.get("access_token") or ""))
        if self._given.claim in claims or not self.document().get("userinfo_endpoint") or not tokens.get("access_token"):
            return claims
        more = self._get("userinfo_endpoint", str(tokens["access_token"]))
        if more.get("sub") != claims["sub"]:
            raise Permanent(f"{self._who}: what it says of the person is about somebody else.", kind=_KIND)
        return {**more, **claims}

    def document(self) -> Mapping[str, Any]:
        """What the provider says of itself, read anew each hour. Raises: Transient, Permanent, ConfigError."""
        read_at, found = self._document
        if found and time.monotonic() - read_at < DOCUMENT_S:
            return found
        found = self._json(f"{self._given.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self._given.issuer:
            raise ConfigError(
                f'{self._who}: its document names the issuer "{plain(str(found.get("issuer")), 200)}". '
                "Write TIEBACK_OIDC_ISSUER exactly so, or correct it."
            )
        self._document = time.monotonic(), found
        return found

    @property
    def _who(self) -> str:
        return f"sign-in by {self._given.host}"

    def _endpoint(self, name: str) -> str:
        url = self.document().get(name)
        if not isinstance(url, str) or not url:
            raise ConfigError(f"{self._who}: its document names no {name}. Is TIEBACK_OIDC_ISSUER right?")
        self._client(url)  # refuses what is no address to be sent to
        return url

    def _client(self, url: str) -> tuple[http.Client, str]:
        # Providers inside one's own network are common; the operator chose this one, so private addresses are permitted.
        at, path = origin(url, self._who, private=True, listed=True)
        query = urlsplit(url).query
        return http.Client(self._who, at, resolver=self._resolver, cap_bytes=CAP_BYTES), path + (f"?{query}" if query else "")

    def _json(self, url: str, bearer: str = "") -> Mapping[str, Any]:
        client, path = self._client(url)
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        reply = client.send("GET", path, headers={"Accept": "application/json", **headers})
        http.checked(self._who, "GET", path, reply)
        found = http.json_of(self._who, "GET", path, reply)
        if not isinstance(found, dict):
            raise Permanent(f"{self._who}: {plain(path, 100)} is no JSON object.", kind=_KIND)
        return found

    def _get(self, name: str, bearer: str) -> Mapping[str, Any]:
        return self._json(self._endpoint(name), bearer)

    def _oauth(self, client: http.Client | None = None) -> OAuth2Client:
        known = self.document().get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "client_secret_basic" if "client_secret_basic" in known else "client_secret_post"
        return OAuth2Client(
            Guarded(client) if client is not None else None, self._given.client_id, self._given.client_secret.reveal(), method,
            redirect_uri=self._given.redirect_uri, code_challenge_method="S256",
        )  # fmt: skip

    def _tokens(self, code: str, verifier: str) -> Mapping[str, Any]:
        url = self._endpoint("token_endpoint")
        client, _ = self._client(url)
        try:
            found: Mapping[str, Any] = self._oauth(client).fetch_token(
                url, grant_type="authorization_code", code=code, code_verifier=verifier
            )
        except OAuth2Error as error:
            why = plain(str(error.error), 60)
            mend = " Compare TIEBACK_OIDC_CLIENT_ID and its secret with the provider's." if why == "invalid_client" else ""
            raise Permanent(f"{self._who}: it refused the code ({why}).{mend}", kind=_KIND) from None
        except ValueError:
            raise Transient(f"{self._who}: its answer to the code is no JSON object.") from None
        for name in ("access_token", "id_token", "refresh_token"):
            if found.get(name):
                hide(str(found[name]))
        return found

    def _checked(self, token: str, nonce: str, access_token: str) -> Mapping[str, Any]:
        try:
            try:
                decoded = self._decoded(token, self._key_set())
            except InvalidKeyIdError:
                decoded = self._decoded(token, self._key_set(anew=True))
            options = {
                "iss": {"essential": True, "values": [self._given.issuer]},
                "aud": {"essential": True, "values": [self._given.client_id]},
            }
            params = {"nonce": nonce, "client_id": self._given.client_id, "access_token": access_token}
            claims = CodeIDToken(decoded.claims, decoded.header, options, params)
            claims.validate(leeway=LEEWAY_S)
        except (JoseError, ValueError, TypeError) as error:
            why = plain(str(error) or type(error).__name__, 120)
            raise Permanent(f"{self._who}: its token does not hold: {why}", kind=_KIND) from None
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise Permanent(f"{self._who}: its token does not hold: sub is no text", kind=_KIND)
        return dict(claims)

    def _decoded(self, token: str, keys: KeySet) -> Any:
        return jwt.decode(token, keys, registry=JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False))

    def _key_set(self, *, anew: bool = False) -> KeySet:
        """The keys, read again for a key that is not known, at most once a minute: anybody may name an unknown one."""
        with self._guard:
            read_at, keys = self._keys
            age_s = time.monotonic() - read_at
            if keys is not None and age_s < (KEYS_AT_MOST_EVERY_S if anew else DOCUMENT_S):
                return keys
            found = KeySet.import_key_set(self._json(self._endpoint("jwks_uri")))  # type: ignore[arg-type]
            self._keys = time.monotonic(), found
            return found
