from __future__ import annotations

from pathlib import Path

from tests.console.conftest import Pretend, Tieback


def test_the_five_steps_end_with_a_connector_that_validates(tieback: Tieback, procore: Pretend, secret_file: Path) -> None:
    # When a connector is added with everything given
    added = tieback(*procore.words("acme", secret_file))
    # Then the five steps were shown and it is kept
    assert added.code == 0, added.err
    assert [line[0] for line in added.out.splitlines() if line[0].isdigit()] == list("12345")
    (row,) = tieback("connector", "list", "--json").json()
    assert (row["name"], row["state"], row["source"], row["valid"]) == ("acme", "active", "store", True)
    # And validate prints a line per field
    validated = tieback("connector", "validate", "acme")
    assert validated.code == 0
    assert "ok       credentials" in validated.out
    # And no secret was shown anywhere, nor in the audit
    shown = tieback("connector", "show", "acme", "--json").out + tieback("audit", "list", "--json").out
    assert procore.secret not in added.out + added.err + validated.out + shown
    assert '"connector added"' in shown


def test_what_is_not_given_is_asked_for(program: Tieback, procore: Pretend) -> None:
    # Given answers typed one after the other, the secret from stdin's place of a hidden question
    answers = ["acme", "custom", procore.url, procore.url, procore.client_id, procore.secret, procore.company_id]
    said = program("connector", "add", input="\n".join(answers) + "\n")
    # Then it is added, and the companies were shown to choose from
    assert said.code == 0, said.err
    assert f"{procore.company_id}  Northgate Builders" in said.err


def test_a_secret_may_come_from_stdin(tieback: Tieback, procore: Pretend, secret_file: Path) -> None:
    said = tieback(*procore.words("acme", Path("-")), input=f"{procore.secret}\n")
    assert said.code == 0, said.err


def test_an_update_that_does_not_validate_changes_nothing(
    tieback: Tieback, procore: Pretend, secret_file: Path, tmp_path: Path
) -> None:
    tieback(*procore.words("acme", secret_file))
    before = tieback("connector", "show", "acme", "--json").json()
    # When projects are named that nobody permitted
    said = tieback("connector", "update", "acme", "--projects", "1,2")
    # Then it says so and the connector is as it was
    assert said.code == 1
    assert "wrong    projects" in said.out
    assert tieback("connector", "show", "acme", "--json").json() == before


def test_one_name_is_one_connector_until_it_is_removed(tieback: Tieback, procore: Pretend, secret_file: Path) -> None:
    words = procore.words("acme", secret_file)
    assert tieback(*words).code == 0
    again = tieback(*words)
    assert again.code == 2
    assert 'there is a connector "acme" already' in again.sentence()
    assert tieback("connector", "remove", "acme").code == 0
    assert tieback("connector", "list", "--json").json() == []
    assert tieback(*words).code == 0


def test_a_connector_of_a_file_is_read_only(tieback: Tieback, tmp_path: Path) -> None:
    # Given a site made by init, put in force
    assert tieback("init", "site").code == 0
    assert tieback("rules", "apply").code == 0
    # When somebody changes or removes its connector by hand
    said = tieback("connector", "remove", "acme-prod")
    # Then the sentence names the file
    assert said.code == 2
    assert 'connector "acme-prod" is defined by the file connectors/acme-prod.yaml' in said.sentence()
    # But a pause is no change of its definition
    assert tieback("connector", "pause", "acme-prod", "--reason", "audit").code == 0
    (row,) = tieback("connector", "list", "--json").json()
    assert (row["state"], row["reason"]) == ("paused", "audit")


def test_an_unknown_name_gets_a_suggestion(tieback: Tieback, procore: Pretend, secret_file: Path) -> None:
    tieback(*procore.words("acme-prod", secret_file))
    said = tieback("connector", "validate", "acme-prd")
    assert said.code == 2
    assert 'did you mean "acme-prod"?' in said.sentence()
