import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from config.errors import Permanent
from connectors.addresses import Origin
from connectors.http import Client
from tests.connectors.conftest import http_answer

NAME = "api.example.com"


def certificate(folder: Path) -> Path:
    """A certificate for NAME that nobody vouches for, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


class Tls:
    """A TLS server on loopback that notes the name each client asked for."""

    def __init__(self, pem: Path) -> None:
        self.pem = pem
        self.names: list[str | None] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        context.sni_callback = lambda _, name, __: self.names.append(name)
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                try:
                    with self._context.wrap_socket(connection, server_side=True) as talk:
                        talk.recv(65536)
                        talk.sendall(http_answer(b'{"ok": true}'))
                except OSError:
                    continue

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[Tls]:
    server = Tls(certificate(tmp_path))
    yield server
    server.close()


def client(tls: Tls, name: str = NAME) -> Client:
    return Client("acme", Origin("https", name, tls.port, True, "connector acme"), resolver=lambda host, port: ["127.0.0.1"])


def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent(tls: Tls) -> None:
    with pytest.raises(Permanent, match=r"the certificate of api\.example\.com is not valid") as raised:
        client(tls).send("POST", "/x")
    assert raised.value.kind == "tls"
    assert tls.names == [NAME]


def test_the_pinned_address_keeps_the_name_for_tls(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given that the certificate is trusted on this machine
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(tls.pem))
    # Then the name is asked for and checked, although an address was connected to
    assert client(tls).send("GET", "/x").json() == {"ok": True}
    assert tls.names == [NAME]
    # And another name at the same address is not accepted
    with pytest.raises(Permanent) as raised:
        client(tls, "other.example.com").send("GET", "/x")
    assert raised.value.kind == "tls"
