"""R16: no name, number, redirect or setting leads a call to where its file does not point."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from config import yamlfile
from config.errors import ConfigError, Permanent, TiebackError
from config.problems import Problems
from config.secrets import Secret
from connectors import definition, destinations, http
from connectors.addresses import Origin, checked_addresses, origin
from connectors.kinds.procore_dmsa import Procore
from connectors.ports import MemoryCalls, MemoryQuota, MemoryTokens
from tests.connectors.conftest import Wire, http_answer

MakeWire = Callable[..., Wire]

# Each leads to a place that is never a destination, whatever the file says.
NEVER = [
    "169.254.169.254", "169.254.170.2", "::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "::ffff:100.100.100.200",
    "168.63.129.16", "192.0.0.192", "fe80::1", "fe80::1%eth0", "fec0::1", "0.0.0.0", "0.1.2.3", "::", "224.0.0.1",
    "ff02::1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "2001:db8::1", "2001::1", "100::1",
    "64:ff9b:1::7f00:1", "4000::1", "5f00::1",
]  # fmt: skip
# Each leads to this machine or to a private network: only where the file says `private: true`.
PRIVATE = [
    "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "10.0.0.1",
    "::ffff:10.0.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "fc00::1", "fd12:3456::1",
]  # fmt: skip


def at(host: str, *, private: bool = False, port: int = 443, scheme: str = "https") -> Origin:
    return Origin(scheme, host, port, private, "http:erp")


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("private", [False, True])
def test_a_name_never_leads_to_metadata_or_a_special_address(address: str, private: bool) -> None:
    with pytest.raises(Permanent) as raised:
        checked_addresses(at("erp.example.com", private=private), lambda host, port: [address])
    assert raised.value.kind == "blocked_address"


@pytest.mark.parametrize("address", NEVER)
def test_a_url_never_names_metadata_or_a_special_address(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(ConfigError):
        origin(f"https://{host}/", "http:erp", private=True, listed=True)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_needs_the_word_of_the_file(address: str) -> None:
    with pytest.raises(Permanent, match="private: true"):
        checked_addresses(at("erp.example.com"), lambda host, port: [address])
    assert checked_addresses(at("erp.example.com", private=True), lambda host, port: [address]) == [address]


def test_one_bad_address_among_good_ones_refuses_them_all() -> None:
    with pytest.raises(Permanent):
        checked_addresses(at("erp.example.com"), lambda host, port: ["93.184.216.34", "2606:4700::1", "fd00:ec2::254"])


@pytest.mark.parametrize(
    "url",
    [
        "https://0x7f.1", "https://2130706433", "https://0177.0.0.1", "https://127.1", "https://[::ffff:a9fe:a9fe]",
        "https://169.254.169.254.", "https://a@b", "https://erp.example.com:443@169.254.169.254", "https://[::1%25lo]",
        "https://[fe80::1%25eth0]", "https://erp.example.com:0", "https://erp.example.com%2f@evil.example",
        "https://erp.example.com%00.evil.example", "https://localhost.", "https://\u2460\u2461\u2466.0.0.1", "https://①27.0.0.1",
        "https://erp.example.com\t/", "https:///169.254.169.254/", "https:169.254.169.254",
    ],
)  # fmt: skip
def test_a_url_that_hides_where_it_leads_is_refused_before_any_look_up(url: str) -> None:
    with pytest.raises(ConfigError):
        destinations.load(yamlfile.parse("kind: http\nname: erp\nurl: ${env:U}\n", "destinations/erp.yaml"), {"U": url}, Path())


@pytest.mark.parametrize("key", ["api_host", "login_host"])
def test_a_connector_cannot_be_pointed_at_metadata(key: str) -> None:
    hosts = {"api_host": "https://api.example.com", "login_host": "https://login.example.com"} | {key: "https://169.254.169.254"}
    text = "\n".join(f"{name}: {value}" for name, value in hosts.items())
    with pytest.raises(Problems, match="link-local"):
        definition.parse(
            yamlfile.parse(
                "format: 1\nkind: procore_dmsa\nname: acme\nenvironment: custom\nprivate: true\nclient_id: x\n"
                f"client_secret: ${{env:S}}\ncompany_id: 1\n{text}\n",
                "connectors/acme.yaml",
            )
        )


def test_a_name_that_rebinds_between_two_connections_is_refused_at_the_second(wire: MakeWire) -> None:
    # Given a name that first leads to the far end, and to the metadata service ever after
    one = wire(http_answer(b"{}"))
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    client = http.Client("erp", at("erp.internal", private=True, port=one.port, scheme="http"), resolver=lambda *_: next(answers))
    # When the far end closes the connection after its answer, and is called again
    assert client.send("GET", "/").status == 200
    with pytest.raises(Permanent) as raised:
        client.send("GET", "/")
    # Then the new connection was checked anew
    assert raised.value.kind == "blocked_address"
    assert len(one.requests) == 1


@pytest.mark.parametrize("status", ["300", "301", "302", "303", "307", "308"])
@pytest.mark.parametrize("header", ["Location", "Refresh"])
def test_no_redirect_leads_anywhere(wire: MakeWire, status: str, header: str) -> None:
    inside = wire(http_answer(b'{"secret": 1}'))
    value = inside.url if header == "Location" else f"0; url={inside.url}"
    one = wire(http_answer(b"", f"{status} Moved", f"{header}: {value}\r\n"))
    found = destinations.load(yamlfile.parse(f"kind: http\nname: erp\nurl: {one.url}\n", "destinations/erp.yaml"), {}, Path())
    with pytest.raises(Permanent) as raised:
        found.send(path="/x")
    assert raised.value.kind == "redirect"
    assert inside.requests == []


@pytest.mark.parametrize(
    "path",
    [
        "/..;/admin", "/..;x=1/admin", "/a/..%5cadmin", "/a/%2e%2e%5Cadmin", "/%252e%252e/admin", "/a/..%2fadmin",
        "/a/.%2e;/admin", "/%2e", "//evil.example", "/\\evil.example", "https://evil.example/", "@evil.example", "..%2f..",
    ],
)  # fmt: skip
def test_a_rule_leaves_the_path_of_its_destination_in_no_spelling(wire: MakeWire, path: str) -> None:
    one = wire(http_answer())
    found = destinations.load(yamlfile.parse(f"kind: http\nname: erp\nurl: {one.url}/api\n", "destinations/erp.yaml"), {}, Path())
    try:
        found.send(path=path)
    except ConfigError:
        assert one.requests == []
        return
    # What was not refused went to this host, below its path.
    assert one.requests[0].startswith(b"POST /api/"), one.requests[0][:80]
    assert b".." not in one.requests[0].split(b" ")[1]


def test_the_proxies_of_the_environment_see_nothing(wire: MakeWire, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, one = wire(http_answer(b"{}")), wire(http_answer(b"{}"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    http.Client("erp", at("127.0.0.1", port=one.port, scheme="http")).send("GET", "/")
    with pytest.raises(TiebackError):
        http.Client("erp", at("127.0.0.1", port=one.port)).send("GET", "/")  # its TLS handshake fails there, not at the proxy
    assert proxy.requests == []
    assert len(one.requests) <= 2


def test_netrc_is_not_read(wire: MakeWire, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one = wire(http_answer(b"{}"))
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password stolen\ndefault login me password stolen\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    http.Client("erp", at("127.0.0.1", port=one.port, scheme="http")).send("GET", "/")
    assert b"authorization" not in one.requests[0].lower()


def test_a_procore_client_asks_only_the_hosts_of_its_file(far: Any) -> None:
    # Given a connector to the pretend Procore, and a resolver that remembers who was asked for
    asked: set[tuple[str, int]] = set()

    def resolver(host: str, port: int) -> list[str]:
        asked.add((host, port))
        return ["127.0.0.1"]

    tokens = far.world.tokens
    config = {"format": 1, "kind": "procore_dmsa", "name": "acme", "environment": "custom", "api_host": far.url,
              "login_host": far.url, "client_id": tokens.client_id, "company_id": str(far.company_id)}  # fmt: skip
    connector = definition.from_stored(config, {"client_secret": Secret(tokens.client_secret)})
    # When it signs in and reads
    procore = Procore(connector, MemoryTokens(), MemoryCalls(), MemoryQuota(), resolver=resolver)
    procore.projects()
    # Then nothing else was looked up: nothing that the answers name was followed
    assert asked == {("127.0.0.1", int(far.url.rpartition(":")[2]))}


# TLS: the certificate must be of the name, not of the address that the name has today


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[int]:
    """A TLS server with a certificate of its own making for another name; its port."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "evil.example")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = tmp_path / "evil.pem"
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    plain, _ = server.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(plain, server_side=True) as talk:
                        seen.append(talk.recv(1000))
                except OSError:
                    continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    assert not any(seen), "the impostor received a request"


def test_who_takes_over_the_name_without_its_certificate_receives_nothing(impostor: int) -> None:
    client = http.Client("erp", at("erp.example.com", private=True, port=impostor), resolver=lambda *_: ["127.0.0.1"])
    with pytest.raises(Permanent, match="certificate") as raised:
        client.send("POST", "/", json={"a": 1}, headers={"Authorization": "Bearer x"})
    assert raised.value.kind == "tls"


def test_the_environment_cannot_bring_a_certificate_authority_of_its_own(
    impostor: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "evil.pem"))
    client = http.Client("erp", at("evil.example", private=True, port=impostor), resolver=lambda *_: ["127.0.0.1"])
    with pytest.raises(Permanent) as raised:
        client.send("GET", "/")
    assert raised.value.kind == "tls"
