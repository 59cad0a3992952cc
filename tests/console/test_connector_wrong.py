"""Every wrong way to add a connection, as people run it: one line names the mend, and nothing is kept."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.connectors.conftest import Wire, http_answer
from tests.console.conftest import Pretend, Said, Tieback
from tests.services import free_port

PAGE = b"<!DOCTYPE html><title>Procore</title><p>Log in"


@pytest.fixture
def wire() -> Iterator[Callable[..., Wire]]:
    with ExitStack() as stack:

        def made(answer: Callable[[socket.socket], None] | bytes) -> Wire:
            one = Wire(answer)
            stack.callback(one.close)
            return one

        yield made


@pytest.fixture
def faults(procore: Pretend) -> Iterator[Any]:
    yield procore.world.faults
    procore.world.faults.clear()


@pytest.fixture
def wrong(program: Tieback, tieback: Tieback) -> Callable[..., Said]:
    """Add it; fails unless it ends with 1 (2 where the person chose what there is not) and nothing is kept."""

    def run(words: list[str], code: int = 1) -> Said:
        said = program(*words)
        assert said.code == code, said.out + said.err
        assert "Traceback" not in said.err
        assert tieback("connector", "list", "--json").json() == []
        return said

    return run


def lines(said: Said) -> list[str]:
    """What validation found wrong."""
    return [line.split(None, 1)[1] for line in said.out.splitlines() if line.startswith("  wrong")]


def test_a_wrong_secret(wrong: Callable[..., Said], procore: Pretend, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("not-the-secret-of-this-app")
    said = wrong(procore.words("acme", tmp_path / "wrong"))
    assert said.sentence() == (
        "tieback: credentials: 401 on POST /oauth/token: invalid_client; the credentials are unknown at "
        f"{procore.url}. A client id belongs to one environment only: that host knows those of its own environment only. "
        "Compare client_id and client_secret with the app's page in the Procore developer portal; "
        "a secret that was reset there must be entered here again."
    )
    assert "not-the-secret" not in said.out + said.err


def test_credentials_of_another_environment(
    wrong: Callable[..., Said], procore: Pretend, other_procore: Pretend, secret_file: Path
) -> None:
    there = {"api-host": other_procore.url, "login-host": other_procore.url}
    said = wrong(procore.words("acme", secret_file, **there))
    assert f"the credentials are unknown at {other_procore.url}. A client id belongs to one environment only" in said.sentence()


def test_a_company_where_the_app_is_not_installed(wrong: Callable[..., Said], procore: Pretend, secret_file: Path) -> None:
    said = wrong(procore.words("acme", secret_file, company="42"), code=2)
    assert said.sentence().startswith("tieback: company 42 is not among those of these credentials. There are: ")
    assert said.sentence().endswith(
        f"{procore.company_id} (Northgate Builders). Choose one of them, or let an administrator of that company install the "
        "app: Company Admin > App Management > Install App."
    )


def test_a_company_that_disconnects_the_app_meanwhile(
    wrong: Callable[..., Said], procore: Pretend, secret_file: Path, faults: Any
) -> None:
    faults.add({"name": "app_uninstalled", "company_id": int(procore.company_id)})
    said = wrong(procore.words("acme", secret_file), code=2)
    assert "install the app: Company Admin > App Management > Install App." in said.sentence()


def test_no_permitted_project(wrong: Callable[..., Said], procore: Pretend, secret_file: Path, faults: Any) -> None:
    faults.add({"name": "project_removed"})
    said = wrong(procore.words("acme", secret_file))
    assert lines(said) == [
        "projects       no project is permitted.  -> A company administrator opens Company Admin > App Management > (this app) > "
        "Permissions and adds the projects. An update or reinstall of the app empties that list."
    ]


def test_a_wanted_project_that_is_not_permitted(wrong: Callable[..., Said], procore: Pretend, secret_file: Path) -> None:
    (line,) = lines(wrong(procore.words("acme", secret_file, projects="4711")))
    assert line.startswith("projects       3 permitted; of the wanted ones 4711 are not.  -> A company administrator opens")


def test_the_permission_for_webhooks_is_none(
    wrong: Callable[..., Said], procore: Pretend, secret_file: Path, faults: Any
) -> None:
    faults.add({"name": "webhooks_forbidden"})
    assert lines(wrong(procore.words("acme", secret_file))) == [
        "webhooks       403: the app may not manage webhooks.  -> The developer of the app sets Webhooks API from None to "
        "Standard in its manifest (developer portal > My Apps) and publishes it; then an administrator of company "
        f"{procore.company_id} updates the app: Company Admin > App Management, and chooses the permitted projects again, "
        "because an update empties that list."
    ]


@pytest.mark.parametrize(("hours", "where"), [(1, "behind"), (-1, "ahead of")])
def test_a_clock_that_is_off_by_an_hour(
    wrong: Callable[..., Said], procore: Pretend, secret_file: Path, wire: Callable[..., Wire], hours: int, where: str
) -> None:
    def answer(connection: socket.socket) -> None:
        date = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours), usegmt=True)
        connection.sendall(http_answer(b'{"errors": "Unauthorized"}', "401 Unauthorized", f"Date: {date}\r\n"))

    there = wire(answer)
    said = wrong(procore.words("acme", secret_file, **{"api-host": there.url, "login-host": there.url}))
    assert said.sentence() == (
        f"tieback: clock: this machine's clock is 60 minutes {where} Procore's. Set it: timedatectl set-ntp true "
        "(in a container: on its host). Tokens and windows of time depend on it."
    )
    assert all(b"client_secret" not in request for request in there.requests)


@pytest.mark.parametrize("status", ["200 OK", "403 Forbidden"])
def test_a_host_that_answers_a_web_page(
    wrong: Callable[..., Said], procore: Pretend, secret_file: Path, wire: Callable[..., Wire], status: str
) -> None:
    there = wire(http_answer(PAGE, status, content_type="text/html; charset=utf-8"))
    assert wrong(procore.words("acme", secret_file, **{"api-host": there.url})).sentence() == (
        f"tieback: hosts: {there.url} answered a web page, not Procore's API. "
        "Correct api_host: the host for programs is another one than the one for browsers."
    )


def test_a_host_that_does_not_answer(wrong: Callable[..., Said], procore: Pretend, secret_file: Path) -> None:
    port = free_port()
    said = wrong(procore.words("acme", secret_file, **{"login-host": f"http://127.0.0.1:{port}"}))
    assert said.sentence() == (
        f"tieback: hosts: GET /oauth/token/info: no connection to 127.0.0.1:{port} (Connection refused). Nothing was sent. "
        "Check the host's name, this machine's DNS and firewall: outgoing 443 must be open."
    )


def test_hosts_of_two_environments(wrong: Callable[..., Said], procore: Pretend, secret_file: Path) -> None:
    mixed = {"api-host": "https://sandbox.procore.com", "login-host": "https://login.procore.com"}
    assert wrong(procore.words("acme", secret_file, **mixed)).sentence() == (
        "tieback: hosts: https://sandbox.procore.com belongs to sandbox, https://login.procore.com to production. "
        "Tokens of one environment are unknown in another: write both hosts of one pair."
    )


def test_a_host_of_another_environment_beside_a_preset(wrong: Callable[..., Said], procore: Pretend, secret_file: Path) -> None:
    words = ["connector", "add", "--name", "acme", "--environment", "sandbox", "--login-host", "https://login.procore.com"]
    assert wrong(words, code=2).sentence() == (
        "tieback: login_host: https://login.procore.com belongs to production; sandbox always uses "
        "https://login-sandbox.procore.com or https://sandbox.procore.com. Remove it, or write environment: production."
    )


def test_the_federal_zone_with_a_host_of_elsewhere(wrong: Callable[..., Said], procore: Pretend, secret_file: Path) -> None:
    mixed = {"api-host": "https://api.procoregov.com", "login-host": "https://login.procore.com"}
    assert "https://api.procoregov.com belongs to federal, https://login.procore.com to production." in (
        wrong(procore.words("acme", secret_file, **mixed)).sentence()
    )


def test_a_host_that_redirects(
    wrong: Callable[..., Said], procore: Pretend, secret_file: Path, wire: Callable[..., Wire]
) -> None:
    there = wire(http_answer(b"", "301 Moved Permanently", "Location: https://us02.procore.com/\x1b[31m\r\n"))
    assert wrong(procore.words("acme", secret_file, **{"api-host": there.url})).sentence() == (
        f"tieback: hosts: {there.url} redirects to https://us02.procore.com/ [31m, which is never followed. "
        "Write the host that answers itself as api_host."
    )


def test_a_host_that_is_no_api(
    wrong: Callable[..., Said], procore: Pretend, secret_file: Path, wire: Callable[..., Wire]
) -> None:
    there = wire(http_answer(b"{}", "404 Not Found"))
    assert wrong(procore.words("acme", secret_file, **{"login-host": there.url})).sentence() == (
        f"tieback: hosts: {there.url} knows no /oauth/token/info, so it is not Procore's sign-in host. Correct login_host."
    )


def test_a_host_in_trouble(wrong: Callable[..., Said], procore: Pretend, secret_file: Path, wire: Callable[..., Wire]) -> None:
    there = wire(http_answer(PAGE, "502 Bad Gateway", content_type="text/html"))
    assert wrong(procore.words("acme", secret_file, **{"api-host": there.url})).sentence() == (
        f"tieback: hosts: {there.url} is in trouble: it answered 502. Try again in some minutes; status.procore.com tells more."
    )


def test_a_certificate_that_nobody_trusts(
    wrong: Callable[..., Said], procore: Pretend, secret_file: Path, tmp_path: Path
) -> None:
    with _tls_server(tmp_path) as port:
        said = wrong(procore.words("acme", secret_file, **{"api-host": f"https://localhost:{port}"}))
    assert said.sentence() == (
        "tieback: hosts: GET /rest/v1.0/me: the certificate of localhost is not valid for it or not trusted here. Check the host "
        "name and this machine's clock; it must be of a public authority, not of one of your own."
    )


@contextmanager
def _tls_server(folder: Path) -> Iterator[int]:
    """The port of a server for TLS whose certificate nobody trusts: it signed it itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    pem, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    both = key.private_bytes(pem, kind, serialization.NoEncryption()) + made.sign(key, hashes.SHA256()).public_bytes(pem)
    (folder / "server.pem").write_bytes(both)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    with context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True) as listening:
        threading.Thread(target=_accept, args=(listening,), daemon=True).start()
        yield listening.getsockname()[1]


def _accept(listening: ssl.SSLSocket) -> None:
    while listening.fileno() != -1:
        with suppress(OSError):  # whoever comes refuses the certificate
            listening.accept()[0].close()
