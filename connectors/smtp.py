"""One mail over SMTP: a connection to checked addresses only, and errors sorted by whether the mail may have left.

Until the dot that closes the mail is on its way nothing can have been delivered; from then on only the answer tells.
Source: RFC 5321, sections 4.1.1.4 (DATA) and 4.2 (replies).
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, cast

from config.errors import Permanent, TiebackError, Transient, Uncertain
from connectors.addresses import Origin, Resolver, checked_addresses, resolve
from connectors.pinning import Exchange, exchange
from connectors.remarks import plain

Security = Literal["starttls", "tls", "none"]
MOST_ANSWER_BYTES = 256 * 1024
CONNECT_S, GOODBYE_S = 10.0, 2.0


@dataclass(frozen=True)
class Server:
    """`at` is what the guard checks; `user` empty means no authentication; `ca_file` None means the system's authorities."""

    at: Origin
    security: Security
    user: str = ""
    password: str = ""
    ca_file: str | None = None
    total_s: float = 60.0


@dataclass(frozen=True)
class Taken:
    """What the server said to the mail, and the addresses that it refused while it took others."""

    said: str
    refused: Mapping[str, str]


def send(server: Server, who: str, sender: str, recipients: Sequence[str], mail: bytes, resolver: Resolver = resolve) -> Taken:
    """Hand over one mail; it goes to every recipient that the server takes.

    Raises:
        Transient: nothing was delivered, a later try may do: no connection or one that broke before the mail was whole,
            a 4xx answer, no recipient taken for now.
        Uncertain: the whole mail was sent and the answer never came.
        Permanent: the server refuses (5xx), its certificate or address is refused, or it cannot do what the file demands.
    """
    with exchange(server.total_s) as one:
        talk = _Talk(server, who, one, resolver)
        try:
            return talk.whole(sender, recipients, mail)
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            raise talk.sorted(error) from None
        finally:
            talk.end()


class _Talk:
    """One connection from greeting to QUIT."""

    def __init__(self, server: Server, who: str, one: Exchange, resolver: Resolver):
        self._server, self._who, self._one, self._resolver = server, who, one, resolver
        self._smtp: _Pinned | None = None
        self._doing = "the connection"
        self._sent = False

    def whole(self, sender: str, recipients: Sequence[str], mail: bytes) -> Taken:
        smtp = self._open()
        self._doing = "MAIL FROM"
        self._fine(*smtp.mail(sender, [f"SIZE={len(mail)}"] if smtp.has_extn("size") else []), 250)
        refused = self._recipients(smtp, recipients)
        self._doing = "DATA"
        self._fine(*smtp.docmd("DATA"), 354)
        smtp.send(_stuffed(mail))
        # A mail without its closing dot is none (RFC 5321, 4.1.1.4): what breaks before is no doubt.
        self._sent = True
        smtp.send(b".\r\n")
        code, said = smtp.getreply()
        self._fine(code, said, 250)
        return Taken(f"{code} {_text(said)}", refused)

    def _open(self) -> _Pinned:
        smtp = self._smtp = _Pinned(self._server, self._one, self._resolver)
        smtp.greet()
        self._doing = "EHLO"
        smtp.ehlo_or_helo_if_needed()
        if self._server.security == "starttls":
            self._doing = "STARTTLS"
            self._fine(*smtp.starttls(context=smtp.trust), 220)
            self._one.socket = smtp.sock
            smtp.ehlo_or_helo_if_needed()
        if self._server.user:
            self._doing = "the sign-in"
            smtp.login(self._server.user, self._server.password)
        return smtp

    def _recipients(self, smtp: _Pinned, recipients: Sequence[str]) -> dict[str, str]:
        """Those that were refused, while at least one was taken. Raises: the error for all of them when none was."""
        refused: dict[str, tuple[int, bytes]] = {}
        for address in recipients:
            self._doing = f"RCPT TO {address}"
            code, said = smtp.rcpt(address)
            if code == 421:
                raise smtplib.SMTPResponseException(code, said)
            if code not in (250, 251):
                refused[address] = code, said
        if len(refused) == len(recipients):
            for_now = [answer for answer in refused.values() if answer[0] < 500]
            code, said = (for_now or list(refused.values()))[0]
            self._doing = f"RCPT TO {', '.join(refused)}"
            raise smtplib.SMTPResponseException(code, said)
        return {address: f"{code} {_text(said)}" for address, (code, said) in refused.items()}

    def _fine(self, code: int, said: bytes, wanted: int) -> None:
        if code != wanted:
            raise smtplib.SMTPResponseException(code, said)

    def end(self) -> None:
        if self._smtp is not None:
            with suppress(smtplib.SMTPException, OSError):
                if self._smtp.sock is not None:
                    self._smtp.sock.settimeout(GOODBYE_S)
                self._smtp.quit()
            self._smtp.close()

    def sorted(self, error: Exception) -> TiebackError:
        if self._one.refused is not None:
            return self._one.refused
        if isinstance(error, smtplib.SMTPResponseException):
            return self._answered(error)
        at = self._server.at
        if isinstance(error, ssl.SSLCertVerificationError):
            return Permanent(
                f"{self._who}: the certificate of {at.host} is not valid for it or not trusted here "
                f"({plain(error.verify_message, 100)}). Check host:, or name the authority's file in ca_file:.",
                kind="tls",
            )
        if isinstance(error, smtplib.SMTPNotSupportedError) or type(error) is smtplib.SMTPException:
            return self._cannot()
        late = self._one.expired or isinstance(error, TimeoutError)
        seen = f"no answer within {self._server.total_s:g} s" if late else plain(str(error) or type(error).__name__, 120)
        if self._sent:
            return Uncertain(
                f"{self._who}: the mail was sent to {at.host} and its answer never came ({seen}). "
                "Whether it was taken is not known.",
                kind="timeout" if late else "connection",
            )
        # Never called a timeout: before the mail went out nothing can have been delivered, and that word leaves doubt.
        hint = _hint(error, self._server.security)
        return Transient(
            f"{self._who}: {self._doing} with {at.host}:{at.port} failed ({seen}). Nothing was delivered.{hint}",
            kind="connection",
        )

    def _answered(self, error: smtplib.SMTPResponseException) -> TiebackError:
        code, said = error.smtp_code, _text(error.smtp_error)
        seen = f"{self._who}: {self._server.at.host} answered {code} to {self._doing}: {said.rstrip('.') or 'nothing more'}."
        if code in (534, 535, 538) or (self._doing == "the sign-in" and code >= 500):
            mend = "User or password is not accepted; check both. Large providers want an app password or a relay's own account."
            return Permanent(f"{seen} {mend}", kind="unauthorized")
        if code < 400 and self._sent:
            return Uncertain(f"{seen} That is neither yes nor no: whether the mail was taken is not known.", kind="smtp")
        if code < 400:  # no answer that this question may have
            return Permanent(f"{seen} That is no mail server. Check host: and port:.", kind="smtp")
        if code < 500:
            return Transient(f"{seen} The server asks to try later; nothing was delivered.", kind="smtp_4xx")
        return Permanent(f"{seen} {_mend(code, self._doing)}", kind="smtp_5xx")

    def _cannot(self) -> Permanent:
        host = self._server.at.host
        if self._doing == "STARTTLS":
            return Permanent(
                f"{self._who}: {host} offers no STARTTLS. Write security: tls (port 465), or security: none for a relay "
                "of your own network.",
                kind="tls",
            )
        return Permanent(f"{self._who}: {host} offers no way to sign in on this port. Use port 587 or 465.", kind="unauthorized")


def _hint(error: Exception, security: Security) -> str:
    if isinstance(error, ssl.SSLError) and "WRONG_VERSION_NUMBER" in str(error):
        return " The port speaks no TLS at once; write security: starttls, or port: 465."
    if isinstance(error, smtplib.SMTPServerDisconnected) and security != "tls":
        return " If the port is one for TLS (465), write security: tls."
    return ""


def _mend(code: int, doing: str) -> str:
    if doing.startswith("RCPT"):
        return "Correct the address, or ask the server's admin to let this sender write to it."
    if code == 552:
        return "The mail is too large for the server; attach less, or send a link."
    if doing == "MAIL FROM":
        return "The server does not take this sender; write a from: that its account may use."
    if code == 530:
        return "The server wants a sign-in or encryption first; write user: and password:, or security: starttls."
    return "The server does not take this mail; its admin can say why."


class _Pinned(smtplib.SMTP):
    """Connects only to addresses that the guard has checked; the name stays in TLS and its certificate check."""

    def __init__(self, server: Server, one: Exchange, resolver: Resolver):
        self._server, self._one, self._resolver = server, one, resolver
        self.trust = ssl.create_default_context(cafile=server.ca_file)
        here = socket.gethostname()  # not getfqdn(), which asks the network
        super().__init__(local_hostname=here if "." in here else "[127.0.0.1]", timeout=server.total_s)
        self._host = server.at.host  # what starttls() checks the certificate against

    def greet(self) -> None:
        code, said = self.connect(self._server.at.host, self._server.at.port)
        if code != 220:
            raise smtplib.SMTPResponseException(code, said)

    def _get_socket(self, host: str, port: int, timeout: Any) -> socket.socket:
        try:
            addresses = checked_addresses(self._server.at, self._resolver)
        except TiebackError as error:
            self._one.refused = error
            raise OSError(str(error)) from error
        made = self._one.socket = _connected(addresses, port, self._one)
        if self._server.security == "tls":
            made = self.trust.wrap_socket(made, server_hostname=host)
        made.settimeout(self._server.total_s)
        self._one.socket = made
        return made

    def getreply(self) -> tuple[int, bytes]:
        # An endless answer must not fill the memory; its time is bounded by the exchange.
        if self.file is None and self.sock is not None:
            self.file = cast(Any, _Capped(self.sock.makefile("rb")))
        return super().getreply()


class _Capped:
    def __init__(self, file: BinaryIO):
        self._file, self._seen = file, 0

    def readline(self, most: int) -> bytes:
        line = self._file.readline(most)
        self._seen += len(line)
        if self._seen > MOST_ANSWER_BYTES:
            raise OSError(f"the server's answers are longer than {MOST_ANSWER_BYTES // 1024} KiB")
        return line

    def close(self) -> None:
        self._file.close()


def _connected(addresses: Sequence[str], port: int, one: Exchange) -> socket.socket:
    last: OSError = OSError("the name has no address")
    for address in addresses:
        try:
            return socket.create_connection((address, port), max(0.1, min(CONNECT_S, one.deadline - time.monotonic())))
        except OSError as error:
            last = error
    raise last


def _stuffed(mail: bytes) -> bytes:
    """As DATA wants it: whole lines with CRLF, and a dot before a dot that begins one."""
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", mail)
    lines = re.sub(rb"(?m)^\.", b"..", lines)
    return lines + (b"" if lines.endswith(b"\r\n") else b"\r\n")


def _text(said: bytes | str) -> str:
    return plain(said.decode("utf-8", "replace") if isinstance(said, bytes) else said, 200)
