"""Sign in with Procore: a person's consent, by authorization code, to list the companies that he sees.

Authlib writes the address and the token request and reads the answers; what it sends goes through our guarded
client, so the same addresses, time limits and byte caps hold as for every call. Without PKCE: Procore
documents none. The person's token is kept in memory only and is revoked as soon as the list is read.
Source: Procore documentation, OAuth 2.0 authorization code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc6749.parameters import parse_authorization_code_response

from config.errors import Permanent, TiebackError, Transient
from config.logs import hide
from config.secrets import Secret
from connectors import http
from connectors.addresses import Resolver, origin
from connectors.addresses import resolve as resolve_name
from connectors.definition import Connector
from connectors.environments import known_there
from connectors.kinds.procore_dmsa import Procore
from connectors.ports import MemoryCalls, MemoryQuota, MemoryTokens, Token
from connectors.remarks import plain

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
_IN_BODY = "client_secret_post"  # as Procore documents it
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Answer:
    """A reply as Authlib reads one."""

    reply: http.Reply

    @property
    def status_code(self) -> int:
        return self.reply.status

    def json(self) -> Any:
        return self.reply.json()

    def raise_for_status(self) -> None:
        """Nothing to raise: statuses without a meaning in OAuth were refused before."""


class Guarded:
    """What Authlib takes for its session."""

    def __init__(self, client: http.Client):
        self._client = client

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> Answer:
        path = url.removeprefix(self._client.at.url)
        _, sent, body = auth.prepare("POST", url, {**headers, "Content-Type": _FORM}, urlencode(dict(data)))
        reply = self._client.send("POST", path, body=body.encode(), headers=sent)
        if reply.status not in (400, 401):
            http.checked(self._client.who, "POST", path, reply)
            http.json_of(self._client.who, "POST", path, reply)
        return Answer(reply)


class SignIn:
    """One person signing in, from the address he opens to the companies that he sees.

    `state` ties the answer to this beginning; the console keeps it with the browser's session meanwhile.
    """

    def __init__(
        self,
        connector: Connector,
        redirect_uri: str = OUT_OF_BAND,
        state: str | None = None,
        *,
        resolver: Resolver = resolve_name,
    ):
        self.connector, self._resolver = replace(connector, company_id=""), resolver
        self._redirect_uri = redirect_uri
        custom = connector.environment == "custom"
        at, _ = origin(connector.login_host, f"connector {connector.name}", private=custom and connector.private, listed=custom)
        self._at = at.url
        self._oauth = OAuth2Client(
            Guarded(http.Client(connector.name, at, resolver=resolver)),
            connector.client_id,
            connector.client_secret.reveal(),
            _IN_BODY,
            _IN_BODY,
            redirect_uri=redirect_uri,
        )
        self.url, self.state = self._oauth.create_authorization_url(f"{self._at}/oauth/authorize", state)

    def companies(self, answer: str) -> list[dict[str, Any]]:
        """The companies that this person sees. `answer` is the code, or the whole address he was sent back to.

        Raises: Permanent for an answer that is not good (any more), Transient.
        """
        with self._token(self._code(answer.strip())) as token:
            procore = Procore(self.connector, _OfPerson(token), MemoryCalls(), MemoryQuota(), "manual", resolver=self._resolver)
            return procore.companies()

    def _code(self, answer: str) -> str:
        if "://" not in answer:
            return answer
        # The page that shows a code out of band has an address of its own, which carries no state.
        shown = self._redirect_uri == OUT_OF_BAND and "state=" not in answer
        try:
            return str(parse_authorization_code_response(answer, state=None if shown else self.state)["code"])
        except OAuth2Error as error:
            other = "state" in str(error.error or "")
            why = "belongs to another sign-in (its state is not ours)" if other else "holds no code"
            raise Permanent(f"{self.connector.name}: that address {why}. {_AGAIN}", kind="sign_in") from None

    @contextmanager
    def _token(self, code: str) -> Iterator[Token]:
        granted = self._granted(code)
        value = str(granted["access_token"])
        hide(value)
        try:
            yield Token(Secret(value), float("inf"))
        finally:
            with suppress(TiebackError, OAuth2Error):  # it ends by itself after 90 minutes
                self._oauth.revoke_token(f"{self._at}/oauth/revoke", token=value)

    def _granted(self, code: str) -> Mapping[str, Any]:
        try:
            granted: Mapping[str, Any] = self._oauth.fetch_token(
                f"{self._at}/oauth/token", grant_type="authorization_code", code=code
            )
        except OAuth2Error as error:
            raise self._refused(plain(str(error.error), 60)) from None
        except ValueError:
            raise Transient(f"{self.connector.name}: the answer to the code is no JSON object. Sign in again.") from None
        if not granted.get("access_token"):
            raise Transient(f"{self.connector.name}: the answer to the code holds no access token. Sign in again.")
        return granted

    def _refused(self, error: str) -> Permanent:
        name, host = self.connector.name, self.connector.login_host
        if error == "invalid_client":
            return Permanent(
                f"{name}: the client id or secret is unknown at {host}. That host {known_there(host)}. "
                "Compare both with the app's page in the Procore developer portal.",
                kind="unauthorized",
            )
        seen = "the code was refused: it is mistyped, used already, or older than ten minutes"
        return Permanent(f"{name}: {seen} ({error}). {_AGAIN}", kind="sign_in")


_AGAIN = "Begin again, open the new address and copy what it shows."


class _OfPerson(MemoryTokens):
    """One token and no other: a refused one must not be replaced by the application's own."""

    def __init__(self, token: Token):
        super().__init__()
        self._token = token

    def current(self, connector: str) -> Token:
        return self._token

    def forget(self, connector: str, token: Token) -> None:
        raise Permanent(f"{connector}: Procore refused the token of the person who signed in. {_AGAIN}", kind="sign_in")
