"""`kind: email`: a mail server, spoken to over SMTP, with the sender and the usual recipients.

The Message-ID is made from the message's key, so that a mail program shows a mail that came twice as one. Subject and
addresses are checked before they become headers; what a record holds can add neither a header nor a recipient.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from html import escape
from pathlib import Path
from typing import cast

from config.errors import ConfigError, Permanent
from config.logs import hide
from config.secrets import is_reference, resolve
from connectors import smtp
from connectors.addresses import Resolver, origin
from connectors.addresses import resolve as resolve_name
from connectors.destinations._incoming import timeout
from connectors.messages import Message, Receipt, checked_link, clean, cut, lines_of, one_line
from connectors.reader import Reader
from connectors.remarks import plain
from connectors.smtp import Security, Server

KEYS = (
    "host", "port", "security", "user", "password", "from", "to", "reply_to", "domains", "ca_file", "timeout", "private",
)  # fmt: skip
PORTS = {"starttls": 587, "tls": 465, "none": 25}
MOST_RECIPIENTS, MOST_TEXT, MOST_ATTACHED = 50, 200_000, 15 * 1024 * 1024
_DOMAIN = r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
_ADDRESS = re.compile(rf"(?!\.)[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~.-]{{1,64}}(?<!\.)@{_DOMAIN}\Z")


@dataclass(frozen=True)
class Definition:
    name: str
    host: str
    port: int
    security: Security
    user: str
    password: str
    sender: str
    to: tuple[str, ...]
    reply_to: str
    domains: tuple[str, ...]
    ca_file: str
    timeout_s: float
    private: bool

    def load(self, env: Mapping[str, str], folder: Path) -> Destination:
        where = f"email:{self.name}"
        user, password = (_revealed(text, env, folder, where) for text in (self.user, self.password))
        if password:
            hide(password)
        at, _ = origin(_url(self.host, self.port), where, private=self.private, listed=True)
        ca_file = folder / self.ca_file if self.ca_file else None
        if ca_file is not None and not ca_file.is_file():
            raise ConfigError(f"{where}: the file {self.ca_file} of ca_file: is not there. Its path begins at {folder}.")
        shown = str(ca_file) if ca_file is not None else None
        return Destination(self, Server(at, self.security, user, password, shown, self.timeout_s))


class Destination:
    """May be used from several threads; each mail has a connection of its own."""

    def __init__(self, definition: Definition, server: Server, *, resolver: Resolver = resolve_name):
        self.name = f"email:{definition.name}"
        self._definition, self._server, self._resolver = definition, server, resolver

    def notify(self, message: Message) -> Receipt:
        """Raises: Transient (nothing was delivered), Uncertain (the mail left, its answer did not come), Permanent."""
        recipients = self._recipients(message.recipients)
        mail = rendered(self._definition, message, recipients).as_bytes(policy=SMTP)
        sender = parseaddr(self._definition.sender)[1]
        taken = smtp.send(self._server, self.name, sender, recipients, mail, self._resolver)
        return Receipt(taken.said, taken.refused)

    def _recipients(self, given: Iterable[str]) -> tuple[str, ...]:
        wanted = tuple(dict.fromkeys(given)) or self._definition.to
        if not wanted:
            raise Permanent(
                f"{self.name}: nobody to write to. Write recipients: in the step, or to: in its file.", kind="recipients"
            )
        if len(wanted) > MOST_RECIPIENTS:
            raise Permanent(
                f"{self.name}: {len(wanted)} recipients; a mail goes to {MOST_RECIPIENTS} at most. Write to a list's address.",
                kind="recipients",
            )
        for address in wanted:
            self._permitted(address)
        return wanted

    def _permitted(self, address: str) -> None:
        if not is_address(address):
            raise Permanent(
                f"{self.name}: {plain(address, 80)!r} is no mail address. Write one such as ana@acme.example, without a name.",
                kind="recipients",
            )
        allowed = self._definition.domains
        if allowed and address not in self._definition.to and address.rpartition("@")[2].lower() not in allowed:
            raise Permanent(
                f"{self.name}: {plain(address, 80)} is outside the domains of its file ({', '.join(allowed)}). "
                "Add its domain there if mail may go to it.",
                kind="recipients",
            )


def rendered(definition: Definition, message: Message, recipients: Iterable[str]) -> EmailMessage:
    who = f"email:{definition.name}"
    link = checked_link(who, message.link)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _as_address(definition.sender)
    mail["To"] = [Address(addr_spec=address) for address in recipients]
    if definition.reply_to:
        mail["Reply-To"] = _as_address(definition.reply_to)
    mail["Subject"] = one_line(message.title or message.text, 200) or "(no subject)"
    mail["Date"] = formatdate(localtime=False)
    mail["Message-ID"] = f"<{re.sub('[^A-Za-z0-9]', '', message.key)[:64]}@{parseaddr(definition.sender)[1].rpartition('@')[2]}>"
    # Out-of-office notes and mailing lists leave such mail alone. Source: RFC 3834.
    mail["Auto-Submitted"] = "auto-generated"
    plain_text = cut(lines_of(message), MOST_TEXT)
    mail.set_content("\n\n".join(part for part in (plain_text, link) if part) + "\n")
    mail.add_alternative(_html(who, message, link), subtype="html")
    _attach(who, mail, message)
    return mail


def _html(who: str, message: Message, link: str) -> str:
    """Everything is text that was escaped, apart from the tags written here."""
    text = cut(clean(message.text), MOST_TEXT)
    parts = [f"<p>{escape(part)}</p>".replace("\n", "<br>\n") for part in text.split("\n\n") if part.strip()]
    if message.fields:
        rows = (
            f"<tr><th align='left'>{escape(one_line(name, 80))}</th><td>{escape(one_line(value, 500))}</td></tr>"
            for name, value in message.fields.items()
        )
        parts.append(f"<table>{''.join(rows)}</table>")
    if message.items:
        lines = (_item(escape(one_line(item.text, 300)), checked_link(who, item.link)) for item in message.items)
        parts.append(f"<ul>{''.join(lines)}</ul>")
    if link:
        parts.append(f'<p><a href="{escape(link)}">{escape(link)}</a></p>')
    return "<html><body>\n" + "\n".join(parts) + "\n</body></html>\n"


def _item(text: str, link: str) -> str:
    return f'<li><a href="{escape(link)}">{text}</a></li>' if link else f"<li>{text}</li>"


def _attach(who: str, mail: EmailMessage, message: Message) -> None:
    size = sum(len(file.content) for file in message.attachments)
    if size > MOST_ATTACHED:
        raise Permanent(
            f"{who}: the files are {size >> 20} MiB together; a mail carries {MOST_ATTACHED >> 20} MiB. Send a link instead.",
            kind="too_large",
        )
    for file in message.attachments:
        guessed, coding = mimetypes.guess_type(file.name)
        main, _, sub = (guessed if guessed and not coding else "application/octet-stream").partition("/")
        mail.add_attachment(file.content, maintype=main, subtype=sub, filename=one_line(file.name, 150), cte="base64")


def is_address(text: str) -> bool:
    return ".." not in text and _ADDRESS.match(text) is not None


def _as_address(text: str) -> Address:
    shown, address = parseaddr(text)
    return Address(display_name=one_line(shown, 100), addr_spec=address)


def _url(host: str, port: int) -> str:
    return f"https://{f'[{host}]' if ':' in host else host}:{port}"


def _revealed(text: str, env: Mapping[str, str], folder: Path, where: str) -> str:
    return resolve(text, env, folder, where).reveal() if is_reference(text) else text


def parse(top: Reader, name: str) -> Definition:
    """Everything that can be checked without the secrets."""
    security = cast(Security, top.choice("security", tuple(PORTS), default="starttls"))
    host = top.text("host", required="host is missing. Write the mail server's name, such as smtp.acme.example.") or ""
    port = _port(top, security)
    private = top.flag("private")
    _check_host(top, host, port, private)
    sender = top.text("from", required="from is missing. Write the address that mail comes from, such as tieback@acme.example.")
    for key, text in (("from", sender), ("reply_to", top.text("reply_to"))):
        if text is not None and not is_address(parseaddr(text)[1]):
            top.wrong("03", top.mark(key), f"{key} is no mail address. Write ana@acme.example or Ana Ruiz <ana@acme.example>.")
    user, password = top.text("user") or "", top.reference("password") or ""
    _check_sign_in(top, security, user, password, private)
    return Definition(
        name=name, host=host, port=port, security=security, user=user, password=password, sender=sender or "",
        to=_listed(top, "to", is_address, "a mail address such as ana@acme.example"), reply_to=top.text("reply_to") or "",
        domains=tuple(d.lower() for d in _listed(top, "domains", _is_domain, "a domain such as acme.example")),
        ca_file=top.text("ca_file") or "", timeout_s=timeout(top, 60.0, 300.0), private=private,
    )  # fmt: skip


def _check_host(top: Reader, host: str, port: int, private: bool) -> None:
    if not host:
        return
    try:
        if re.search(r"[/@?#\s]", host):
            raise ConfigError("host is a name or an address alone, such as smtp.acme.example; the port has a key of its own.")
        origin(_url(host, port), "host", private=private, listed=True)
    except ConfigError as error:
        top.wrong("06", top.mark("host"), str(error))


def _check_sign_in(top: Reader, security: Security, user: str, password: str, private: bool) -> None:
    if bool(user) != bool(password) and not ("password" in top.values and not password):
        lacks = "password" if user else "user"
        seen = f"{lacks} is missing. A sign-in takes user: and password:; leave out both where none is wanted."
        top.wrong("02", top.node.mark, seen)
    if security == "none" and password and not private:
        top.wrong(
            "03", top.mark("security"),
            "security: none would show the password to the network. Write starttls or tls, or leave user: and password: out.",
            "starttls",
        )  # fmt: skip


def _port(top: Reader, security: Security) -> int:
    text = top.text("port")
    if text is None:
        return PORTS[security]
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        top.wrong("03", top.mark("port"), f"port is a number from 1 to 65535, such as {PORTS[security]}.", str(PORTS[security]))
        return PORTS[security]
    return int(text)


def _is_domain(text: str) -> bool:
    return re.fullmatch(_DOMAIN, text) is not None


def _listed(top: Reader, key: str, fits: object, what: str) -> tuple[str, ...]:
    """One text or a list of texts."""
    node = top.values.get(key)
    if node is None or node.value is None:
        return ()
    found = []
    for one in node.value if isinstance(node.value, list) else [node]:
        if isinstance(one.value, str) and callable(fits) and fits(one.value):
            found.append(one.value)
        else:
            top.wrong("03", one.mark, f"{key}: this is not {what}.")
    return tuple(found)
