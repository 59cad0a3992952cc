"""Where a call may go: the guard between what a person or a rule wrote and the network.

An `Origin` is scheme, host and port, and what its file permits. Names are resolved here, every address is
checked, and the caller connects to exactly these addresses, so that a name cannot change its meaning
between the check and the connection.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from config.errors import ConfigError, Permanent, Transient

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], list[str]]

_PORTS = {"https": 443, "http": 80}
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\Z")
# What C libraries take for an IPv4 address although people would not: 0x7f.1, 2130706433, 0177.0.0.1.
_LOOKS_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.ip_network("::/96")
_PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")  # Oracle's metadata service is in it
_CGNAT = ipaddress.ip_network("100.64.0.0/10")
_ULA = ipaddress.ip_network("fc00::/7")
# The only block that IANA has given out as global unicast; all else is special, retired or not in use.
_GLOBAL6 = ipaddress.ip_network("2000::/3")
# What clouds answer credentials on outside the local link: AWS and GCP over IPv6, Alibaba, Azure. Source: their documentation.
_METADATA = frozenset(
    ipaddress.ip_address(text) for text in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16")
)


@dataclass(frozen=True)
class Origin:
    """`private` is what the operator's file says; `where` names that file or connector in errors."""

    scheme: str
    host: str
    port: int
    private: bool
    where: str

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, in the system's order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def origin(url: str, where: str, *, private: bool = False, listed: bool = False) -> tuple[Origin, str]:
    """The origin of a URL and the path behind it (without a closing slash).

    `listed` says that an operator's file names this very host, which makes plain loopback acceptable.
    Raises: ConfigError, a sentence, for everything that is not a plain https URL of a permitted host.
    """
    if re.search(r"[^\x21-\x7e]|\\", url):
        raise ConfigError(
            f"{where}: the URL holds a space, a control character, a backslash or a letter outside ASCII. Retype it."
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError(f"{where}: that is not a URL. Write https://host or https://host:port.") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ConfigError(f"{where}: a URL begins with https:// and a host name, such as https://erp.example.com.")
    if port == 0 or "%" in parts.netloc:
        raise ConfigError(f"{where}: the URL has port 0 or a % in its host. Write a plain host and a port from 1 to 65535.")
    if "@" in parts.netloc:
        raise ConfigError(f"{where}: a URL holds no user or password. Give them as a header, by reference.")
    if parts.query or parts.fragment:
        raise ConfigError(f"{where}: the URL holds a ? or #. Leave only scheme, host, port and path.")
    at = Origin(parts.scheme, parts.hostname.lower(), port or _PORTS[parts.scheme], private, where)
    _check(at, listed)
    return at, parts.path.rstrip("/")


def _check(at: Origin, listed: bool) -> None:
    literal = _literal(at)
    local = at.host == "localhost" or (literal is not None and literal.is_loopback)
    if literal is None and not _NAME.match(at.host):
        raise ConfigError(f"{at.where}: {at.host} is no host name.")
    if at.scheme == "http" and not (local or at.private):
        raise ConfigError(
            f"{at.where}: plain http would show the credentials to the network. Write https://; "
            "http is for loopback, or for a private network with `private: true`."
        )
    if local and not listed:
        raise ConfigError(f"{at.where}: {at.host} is this machine itself, which only a custom host may be.")
    if literal is not None and not local and (reason := refusal(literal, at.private)):
        raise ConfigError(f"{at.where}: {at.host} is {reason}.")


def _literal(at: Origin) -> Address | None:
    """The address when the host is one; refuses spellings that hide one."""
    if ":" in at.host:
        try:
            return ipaddress.IPv6Address(at.host)
        except ValueError:
            raise ConfigError(f"{at.where}: [{at.host}] is no IPv6 address.") from None
    try:
        return ipaddress.IPv4Address(at.host)
    except ValueError:
        last = at.host.rstrip(".").rpartition(".")[2]
    if _LOOKS_NUMERIC.match(last):
        raise ConfigError(f"{at.where}: {at.host} is an odd spelling of an address. Write it as four plain numbers: 10.0.0.1.")
    return None


def refusal(address: Address, private: bool) -> str | None:
    """Why nothing may connect to this address; None when it may.

    Addresses of the local link (169.254.169.254 hands out a cloud machine's credentials), multicast and
    reserved ones are never a destination, whatever the file says.
    """
    inner = _inner(address)
    if inner.is_link_local:
        return "a link-local address (cloud metadata lives there); nothing may connect to it"
    if inner in _METADATA:
        return "an address where a cloud gives out credentials; nothing may connect to it"
    if inner.is_multicast or inner.is_unspecified:
        return "a multicast or unspecified address; nothing may connect to it"
    if _is_private(inner):
        return None if private else "a private address. If that is meant, write `private: true` into its file"
    usable = inner.is_global and (inner not in _PROTOCOLS if inner.version == 4 else inner in _GLOBAL6)
    return None if usable else "a reserved address; nothing may connect to it"


def _is_private(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        return address.is_loopback or address in _ULA
    return address in _CGNAT or address.is_loopback or (address.is_private and _rfc1918(address))


def _rfc1918(address: ipaddress.IPv4Address) -> bool:
    return any(address in ipaddress.ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one carries (mapped, compatible, 6to4, NAT64), which is where packets end up."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour or address
    carries = address in _NAT64 or (address in _IPV4_COMPATIBLE and int(address) > 1)
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if carries else address


def checked_addresses(at: Origin, resolver: Resolver = resolve) -> list[str]:
    """The addresses to connect to, resolved once and each one permitted.

    Raises: Transient when the name does not resolve now, Permanent when any of its addresses is refused.
    """
    try:
        found = resolver(at.host, at.port)
    except OSError as error:
        raise Transient(
            f"{at.where}: the name {at.host} does not resolve ({error.strerror or error}). "
            "Check its spelling and this machine's DNS.",
            kind="connection",
        ) from None
    named_loopback = at.host == "localhost" or _literal(at) is not None
    for text in found:
        address = ipaddress.ip_address(text.partition("%")[0])
        if named_loopback and address.is_loopback:
            continue
        if reason := refusal(address, at.private):
            raise Permanent(f"{at.where}: {at.host} resolves to {text}, {reason}.", kind="blocked_address")
        if at.scheme == "http" and not _is_private(_inner(address)):
            raise Permanent(
                f"{at.where}: {at.host} resolves to the public address {text}, where plain http is not allowed. Write https://.",
                kind="blocked_address",
            )
    return found
