"""What people get wrong: one sentence that says what was seen and what to do, the right exit code, and nothing changed."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.console.conftest import Pretend, Tieback
from tests.services import free_port

KEYS = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
RULE = """format: 1
id: rfis
title: RFIs
when:
  - webhook: {{connector: {connector}, resource: RFIs, actions: [update]}}
if:
  - record.{field} == "open"
do:
  - id: write
    use: db.upsert
    with: {{table: rfis, row: "${{record}}"}}
"""


def test_an_unknown_setting_stops_the_start_with_a_suggestion(program: Tieback, tmp_path: Path) -> None:
    said = program("up", TIEBACK_WORKER_THREAD="4")
    assert said.code == 2
    assert 'TIEBACK_WORKER_THREAD is no setting of Tieback; did you mean "TIEBACK_WORKER_THREADS"?' in said.sentence()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("up",), ("runs", "list")])
def test_a_broken_database_url_is_named(program: Tieback, words: tuple[str, ...]) -> None:
    said = program(*words, TIEBACK_DATABASE_URL="mysql://somewhere/x")
    assert said.code == 2
    assert "write sqlite:///path/to/file.db or postgresql://user@host/database" in said.sentence()


@pytest.mark.parametrize(("words", "code"), [(("up",), 2), (("runs", "list"), 1)])
def test_a_silent_postgresql_is_named_without_its_password(program: Tieback, words: tuple[str, ...], code: int) -> None:
    url = f"postgresql://ana:hunter2@127.0.0.1:{free_port()}/tieback"
    said = program(*words, TIEBACK_DATABASE_URL=url, TIEBACK_SECRET_KEYS=KEYS, TIEBACK_BIND=f"127.0.0.1:{free_port()}")
    assert said.code == code
    assert "does not answer" in said.sentence()
    assert "hunter2" not in said.err + said.out


@pytest.mark.parametrize(("words", "code"), [(("up",), 2), (("runs", "list"), 1)])
def test_a_file_that_is_no_database_is_left_as_it_is(program: Tieback, tmp_path: Path, words: tuple[str, ...], code: int) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("shopping list\n" * 500)
    said = program(*words, TIEBACK_DATABASE_URL=f"sqlite:///{file}", TIEBACK_BIND=f"127.0.0.1:{free_port()}")
    assert said.code == code
    assert "is no SQLite database" in said.sentence()
    assert file.read_text() == "shopping list\n" * 500


def test_a_question_in_the_wrong_folder_makes_no_database(tieback: Tieback, tmp_path: Path) -> None:
    said = tieback("runs", "list", "--json")
    assert said.code == 2
    assert "there is no database at" in said.sentence()
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_named_before_anything_is_made(program: Tieback, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = program("up", TIEBACK_BIND=f"127.0.0.1:{port}")
    assert said.code == 2
    assert f"port {port} on 127.0.0.1 is in use" in said.sentence()
    assert "TIEBACK_BIND" in said.sentence()
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_secret_keeps_nothing(program: Tieback, procore: Pretend, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not-the-secret-of-this-app")
    said = program(*procore.words("acme", wrong))
    assert said.code == 1
    assert "the credentials are unknown at" in said.sentence()
    assert "not-the-secret" not in said.out + said.err
    assert program("connector", "list", "--json").json() == []


def test_credentials_of_another_environment_are_explained(
    tieback: Tieback, procore: Pretend, other_procore: Pretend, secret_file: Path
) -> None:
    # Given credentials of one environment, when they are used on the host of another
    said = tieback(*procore.words("acme", secret_file, **{"api-host": other_procore.url, "login-host": other_procore.url}))
    # Then the sentence says that a client id belongs to one environment, and nothing is kept
    assert said.code == 1
    assert "A client id belongs to one environment only" in said.sentence()
    assert tieback("connector", "list", "--json").json() == []


def test_a_company_that_is_not_there_lists_those_that_are(tieback: Tieback, procore: Pretend, secret_file: Path) -> None:
    said = tieback(*procore.words("acme", secret_file, company="42"))
    assert said.code == 2
    assert "company 42 is not among those of these credentials" in said.sentence()
    assert procore.company_id in said.sentence()


def test_a_misspelt_field_is_found_with_line_and_suggestion(tieback: Tieback, tmp_path: Path) -> None:
    (tmp_path / "rfis.yaml").write_text(RULE.format(connector="acme", field="stauts"))
    said = tieback("rules", "check", "rfis.yaml", "--format", "json")
    assert said.code == 1
    (problem,) = said.json()
    assert (problem["file"], problem["line"], problem["suggestion"]) == ("rfis.yaml", 7, "status")


def test_a_connector_that_is_not_there_is_found(tieback: Tieback, tmp_path: Path) -> None:
    # Given a site whose only automation names a connector that nobody has added
    (tmp_path / "site" / "automations").mkdir(parents=True)
    (tmp_path / "site" / "automations" / "rfis.yaml").write_text(RULE.format(connector="acme", field="status"))
    # When it is checked and applied
    checked, applied = tieback("rules", "check"), tieback("rules", "apply")
    # Then both say so, where it is
    assert (checked.code, applied.code) == (1, 1)
    for said in (checked, applied):
        assert 'automations/rfis.yaml:5:26 error TB120: there is no connector "acme"' in said.out
        assert "Traceback" not in said.err


def test_nobody_to_answer_a_question_is_wrong_usage(tieback: Tieback) -> None:
    said = tieback("connector", "add")
    assert said.code == 2
    assert "Give the answer as an option" in said.err
    assert "Traceback" not in said.err


def test_a_number_where_an_id_belongs_is_one_sentence(tieback: Tieback) -> None:
    assert tieback("runs", "show", "latest").code == 2


@pytest.mark.parametrize("id", ["0", "-1", "abc", "99999999999999999999999"])
def test_an_id_that_no_row_can_have_is_wrong_usage(tieback: Tieback, id: str) -> None:
    assert tieback("db", "upgrade").code == 0
    for words in (("runs", "show"), ("runs", "retry"), ("runs", "cancel"), ("events", "show")):
        said = tieback(*words, "--", id)
        assert said.code == 2
        assert "an id is a whole number from 1 on" in said.sentence()


def test_a_misspelt_resource_is_not_taken_for_one_without_copies(tieback: Tieback) -> None:
    assert tieback("db", "upgrade").code == 0
    said = tieback("records", "show", "RFI", "1")
    assert said.code == 2
    assert said.sentence().endswith('there is no resource "RFI"; did you mean "RFIs"?')


def test_a_key_that_cannot_be_made_says_where_and_what_to_do(program: Tieback, tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where the folder should be")
    said = program("up", TIEBACK_DATABASE_URL=f"sqlite:///{tmp_path}/x.db", TIEBACK_BIND=f"127.0.0.1:{free_port()}")
    assert said.code == 2
    assert "var/secret.key cannot be made" in said.sentence()
    assert "set TIEBACK_SECRET_KEYS" in said.sentence()
