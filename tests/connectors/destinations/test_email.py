"""email: what a mail holds, what may not get into it, and how each end of the talk with a server is sorted."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from config import yamlfile
from config.errors import ConfigError, Permanent, TiebackError, Transient, Uncertain
from config.logs import scrub
from config.problems import Problem, Problems
from connectors import destinations
from connectors.destinations.email import Destination, is_address
from connectors.messages import Attachment, Item, Message
from tests.connectors.mail import PASSWORD, certificate, mail_server, scripted, signs_in, until

FILE = """\
format: 1
kind: email
name: office
host: {host}
port: {port}
security: {security}
from: Tieback <tieback@acme.example>
"""
KEY = "9f" * 32


def made(
    port: int,
    more: str = "to: [ana@acme.example]",
    *,
    host: str = "127.0.0.1",
    security: str = "none",
    folder: Path = Path(),
    **env: str,
) -> Destination:
    text = FILE.format(host=host, port=port, security=security) + more
    found = destinations.load(yamlfile.parse(text, "destinations/office.yaml"), env, folder)
    assert isinstance(found, Destination)
    return found


def problems(text: str) -> list[Problem]:
    with pytest.raises(Problems) as raised:
        destinations.parse(yamlfile.parse(f"format: 1\nkind: email\nname: office\n{text}", "destinations/office.yaml"))
    return raised.value.found


def message(text: str = "The RFI is late.", **more: Any) -> Message:
    return Message(text, KEY, **more)


def failed(destination: Destination, sent: Message | None = None) -> TiebackError:
    with pytest.raises(TiebackError) as raised:
        destination.notify(sent or message())
    return raised.value


def test_a_mail_has_both_forms_and_its_identity_from_the_key() -> None:
    with mail_server() as (post, port):
        sent = message(
            "Beam <C4> & more\n.\nlate", title="RFI 12", link="https://app.procore.com/7?a=1&b=2", fields={"Due": "Friday"}
        )
        receipt = made(port, "to: [ana@acme.example, bob@acme.example]\nreply_to: pm@acme.example").notify(sent)
    assert receipt.said == "250 2.0.0 queued as 4R7"
    sender, to, _ = post.mails[0]
    assert (sender, to) == ("tieback@acme.example", ["ana@acme.example", "bob@acme.example"])
    mail = post.read()
    assert mail["Subject"] == "RFI 12"
    assert mail["From"] == "Tieback <tieback@acme.example>"
    assert mail["Reply-To"] == "pm@acme.example"
    assert mail["Message-ID"] == f"<{KEY}@acme.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert text.splitlines() == ["Beam <C4> & more", ".", "late", "Due: Friday", "", "https://app.procore.com/7?a=1&b=2"]
    html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "Beam &lt;C4&gt; &amp; more" in html
    assert '<a href="https://app.procore.com/7?a=1&amp;b=2">' in html


def test_a_list_of_things_is_a_list_with_links() -> None:
    with mail_server() as (post, port):
        made(port).notify(message("2 messages", items=(Item("one <b>", "https://a.example/1"), Item("two"))))
    html = post.read().get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert '<li><a href="https://a.example/1">one &lt;b&gt;</a></li><li>two</li>' in html


def test_files_are_attached_under_their_names() -> None:
    files = (Attachment("ageing.csv", b"1,2\r\n"), Attachment('a"\r\nX-Evil: 1.pdf', b"%PDF"))
    with mail_server() as (post, port):
        made(port).notify(message(attachments=files))
    mail = post.read()
    assert [(one.get_filename(), one.get_content_type()) for one in mail.iter_attachments()] == [
        ("ageing.csv", "text/csv"),
        ('a" X-Evil: 1.pdf', "application/pdf"),
    ]
    assert mail["X-Evil"] is None


@pytest.mark.parametrize(
    "title", ["RFI\r\nBcc: evil@x.example", "RFI\nX-Evil: 1", "RFI\x00\x0b\u202e\u2028Bcc: x", "\ud800 half"]
)
def test_a_subject_from_a_record_adds_no_header(title: str) -> None:
    with mail_server() as (post, port):
        made(port).notify(message(title=title))
    mail = post.read()
    assert mail["Bcc"] is None
    assert mail["X-Evil"] is None
    assert "\n" not in mail["Subject"]
    assert post.mails[0][1] == ["ana@acme.example"]


@pytest.mark.parametrize(
    "address",
    ["ana@acme.example\r\nRCPT TO:<evil@x.example>", "ana@acme.example>\r\nDATA", "a b@x.example", "ana", "a@b@c.example",
     "<a@b.example>",
     "a@b.example, c@d.example", '"x y"@b.example', "a..b@c.example", "@c.example", "ana@-x.example", "ä@b.example", ""],
)  # fmt: skip
def test_what_is_no_address_reaches_no_server(address: str) -> None:
    with mail_server() as (post, port):
        error = failed(made(port), message(recipients=(address,)))
    assert isinstance(error, Permanent)
    assert "is no mail address" in str(error)
    assert post.mails == []


def test_addresses_that_people_have_are_taken() -> None:
    assert all(map(is_address, ["ana@acme.example", "o'neil+rfi@x.co.uk", "a@localhost", "A.B_c-1@xn--bcher-kva.example"]))


def test_a_rule_writes_only_to_the_domains_of_the_file() -> None:
    with mail_server() as (post, port):
        office = made(port, "to: [boss@parent.example]\ndomains: [acme.example]")
        office.notify(message(recipients=("x@ACME.example",)))
        office.notify(message())
        error = failed(office, message(recipients=("x@acme.example.evil.example",)))
    assert "outside the domains of its file (acme.example)" in str(error)
    assert [to for _, to, _ in post.mails] == [["x@ACME.example"], ["boss@parent.example"]]


def test_nobody_to_write_to_is_said() -> None:
    assert "nobody to write to" in str(failed(made(1, "")))
    many = tuple(f"a{n}@x.example" for n in range(51))
    assert "51 recipients" in str(failed(made(1, ""), message(recipients=many)))


def test_a_huge_text_is_cut_and_huge_files_are_refused() -> None:
    with mail_server(data_size_limit=20_000_000) as (post, port):
        made(port).notify(message("x" * 3_000_000))
        assert len(post.mails[0][2]) < 1_000_000
        assert "2800000 more characters were left out" in post.read().get_body(("plain",)).get_content()  # type: ignore[union-attr]
        error = failed(made(port), message(attachments=(Attachment("a.zip", b"x" * (16 << 20)),)))
    assert "a mail carries 15 MiB" in str(error)


def test_starttls_with_a_sign_in(tmp_path: Path) -> None:
    context, authority = certificate(tmp_path)
    with mail_server(tls_context=context, require_starttls=True, authenticator=signs_in, auth_required=True) as (post, port):
        more = f"to: [ana@acme.example]\nuser: tieback\npassword: ${{env:MAIL}}\nca_file: {authority.name}"
        made(port, more, security="starttls", folder=tmp_path, MAIL=PASSWORD).notify(message())
        wrong = failed(made(port, more, security="starttls", folder=tmp_path, MAIL="wrong-horse-battery"))
    assert len(post.mails) == 1
    assert isinstance(wrong, Permanent)
    assert "535" in str(wrong)
    assert "User or password is not accepted" in str(wrong)
    assert scrub(f"said {PASSWORD}") == "said ***"


def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    context, authority = certificate(tmp_path)
    with mail_server(ssl_context=context) as (post, port):
        made(port, f"to: [ana@acme.example]\nca_file: {authority.name}", security="tls", folder=tmp_path).notify(message())
    assert len(post.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_is_refused(security: str, tmp_path: Path) -> None:
    context, _ = certificate(tmp_path)
    options = {"ssl_context": context} if security == "tls" else {"tls_context": context}
    with mail_server(**options) as (post, port):
        error = failed(made(port, security=security))
    assert isinstance(error, Permanent)
    assert "the certificate of 127.0.0.1 is not valid" in str(error)
    assert post.mails == []


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    context, authority = certificate(tmp_path, "mail.other.example")
    with mail_server(tls_context=context) as (post, port):
        error = failed(made(port, f"to: [a@b.example]\nca_file: {authority.name}", security="starttls", folder=tmp_path))
    assert isinstance(error, Permanent)
    assert post.mails == []


def test_a_server_without_starttls_gets_no_mail() -> None:
    with mail_server() as (post, port):
        error = failed(made(port, security="starttls"))
    assert isinstance(error, Permanent)
    assert "offers no STARTTLS" in str(error)
    assert post.mails == []


@pytest.mark.parametrize(
    "answer, kind, text",
    [("451 try later", Transient, "nothing was delivered"), ("550 no", Permanent, "does not take this mail"),
     ("552 too big", Permanent, "too large for the server")],
)  # fmt: skip
def test_the_answer_to_the_mail_decides(answer: str, kind: type[TiebackError], text: str) -> None:
    with mail_server() as (post, port):
        post.answer = answer
        error = failed(made(port))
    assert type(error) is kind
    assert text in str(error)


def test_a_recipient_that_is_refused_does_not_hold_up_the_others() -> None:
    with mail_server() as (post, port):
        post.refuse = {"bob@acme.example": "550 5.1.1 no such user"}
        receipt = made(port, "to: [ana@acme.example, bob@acme.example]").notify(message())
    assert post.mails[0][1] == ["ana@acme.example"]
    assert receipt.refused == {"bob@acme.example": "550 5.1.1 no such user"}


@pytest.mark.parametrize("answer, kind", [("450 greylisted", Transient), ("550 no such user", Permanent)])
def test_all_refused_is_an_error(answer: str, kind: type[TiebackError]) -> None:
    with mail_server() as (post, port):
        post.refuse = {"ana@acme.example": answer}
        error = failed(made(port))
    assert type(error) is kind
    assert "RCPT TO ana@acme.example" in str(error)


def test_some_refused_for_now_and_some_for_good_is_tried_again() -> None:
    with mail_server() as (post, port):
        post.refuse = {"ana@acme.example": "550 gone", "bob@acme.example": "450 later"}
        assert type(failed(made(port, "to: [ana@acme.example, bob@acme.example]"))) is Transient


def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    error = failed(made(port))
    assert type(error) is Transient
    assert "Nothing was delivered" in str(error)


def test_a_connection_lost_before_the_mail_is_no_doubt() -> None:
    with scripted(lambda connection: void(until(connection, b"DATA"))) as port:
        error = failed(made(port))
    assert type(error) is Transient
    assert error.kind == "connection"


def test_a_connection_lost_in_the_middle_of_the_mail_is_no_doubt() -> None:
    def talk(connection: socket.socket) -> None:
        until(connection, b"DATA")
        connection.sendall(b"354 go on\r\n")
        connection.recv(65536)

    with scripted(talk) as port:
        error = failed(made(port), message(attachments=(Attachment("plan.pdf", b"x" * (14 << 20)),)))
    assert type(error) is Transient
    assert "Nothing was delivered" in str(error)


def test_a_server_that_dies_with_the_mail_in_hand_leaves_doubt() -> None:
    def talk(connection: socket.socket) -> None:
        until(connection, b"DATA")
        connection.sendall(b"354 go on\r\n")
        while b"\r\n.\r\n" not in connection.recv(65536):
            pass

    with scripted(talk) as port:
        error = failed(made(port))
    assert isinstance(error, Uncertain)
    assert "Whether it was taken is not known" in str(error)


def test_an_answer_to_the_mail_that_is_none_leaves_doubt() -> None:
    def talk(connection: socket.socket) -> None:
        until(connection, b"DATA")
        connection.sendall(b"354 go on\r\n")
        while b"\r\n.\r\n" not in connection.recv(65536):
            pass
        connection.sendall(b"%$&\r\n")

    with scripted(talk) as port:
        assert isinstance(failed(made(port)), Uncertain)


def test_silence_after_the_mail_is_doubt_and_silence_before_it_is_not() -> None:
    def before(connection: socket.socket) -> None:
        connection.recv(10)

    def after(connection: socket.socket) -> None:
        until(connection, b"DATA")
        connection.sendall(b"354 go on\r\n")
        while connection.recv(65536):
            pass

    with scripted(before) as port:
        assert type(failed(made(port, "to: a@b.example\ntimeout: 1s"))) is Transient
    with scripted(after) as port:
        assert type(failed(made(port, "to: a@b.example\ntimeout: 1s"))) is Uncertain


def test_an_endless_greeting_ends() -> None:
    def talk(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"220-more\r\n" * 1000)

    with scripted(talk) as port:
        error = failed(made(port))
    assert type(error) is Transient
    assert "longer than 256 KiB" in str(error)


def test_something_else_than_a_mail_server() -> None:
    with scripted(lambda c: c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        assert isinstance(failed(made(port)), TiebackError)


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "10.0.0.7", "0x7f.1", "[::ffff:169.254.169.254]", "a b", "https://x.example", "x:25", "u@x"]
)
def test_the_guard_holds_for_mail_servers_too(host: str) -> None:
    assert [p.code for p in problems(f'host: "{host}"\nfrom: a@b.example\nto: a@b.example')] == ["TB406"]


def test_a_name_that_leads_inside_is_refused_when_it_is_resolved() -> None:
    office = made(25, host="smtp.acme.example")
    rebound = Destination(office._definition, office._server, resolver=lambda host, port: ["10.1.2.3"])
    error = failed(rebound)
    assert isinstance(error, Permanent)
    assert "resolves to 10.1.2.3, a private address" in str(error)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    found = problems("""\
port: 99999
security: ssl
user: tieback
from: nobody
to: [a@b.example, c]
domains: [acme.example, "*"]
reply_to: 3
timeout: 5m
frm: x
""")
    assert sorted((p.line, p.code) for p in found) == [
        (1, "TB402"), (1, "TB402"), (4, "TB403"), (5, "TB403"), (7, "TB403"), (8, "TB403"), (9, "TB403"), (10, "TB403"),
        (11, "TB403"), (12, "TB401"),
    ]  # fmt: skip


def test_a_password_in_clear_text_is_refused_and_not_repeated() -> None:
    found = problems("host: smtp.acme.example\nfrom: a@b.example\nuser: x\npassword: hunter2-hunter2")
    assert [p.code for p in found] == ["TB407"]
    assert "hunter2" not in str(found)


def test_a_password_does_not_go_over_a_plain_line() -> None:
    found = problems("host: smtp.acme.example\nsecurity: none\nfrom: a@b.example\nuser: x\npassword: ${env:P}")
    assert ["would show the password" in p.message for p in found] == [True]


def test_a_missing_authority_is_said_when_it_is_loaded() -> None:
    with pytest.raises(ConfigError, match="ca_file"):
        made(25, "to: a@b.example\nca_file: nowhere.pem")


def void(_: object) -> None:
    """Ends the connection."""
