"""R24: secrets go in and never come out, by no command, for nobody. Every command is run, with and without --json."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from sqlalchemy import text

from config import settings
from config.secrets import Box, Secret
from console import cli
from store import apitokens, audit, calls, connectors, hooks
from store.session import open_engine, writing
from tests import stores
from tests.connectors.conftest import Wire, http_answer
from tests.console.conftest import Pretend, Tieback
from tests.security.conftest import leaks

# They stay until they are stopped; their logs are read in test_r39_processes.
STAY = {"up", "web", "console", "worker", "relay", "simulator", "demo"}
# What its arguments may be; whatever is not named here is given the connector's name.
WORDS = {
    "id": "1",
    "ids": "1",
    "event_id": "1",
    "run_id": "1",
    "resource": "RFIs",
    "resources": "RFIs",
    "names": "RFIs",
    "record_id": "1",
}
SECRETS = {
    "client": "m4rkerOfTheClientSecret0123456789",
    "hook": "Bearer m4rkerOfTheHookSecret0123456789-0123456789",
    "token": "m4rkerOfTheAccessToken0123456789",
    "file": "m4rkerOfTheSecretFile0123456789",
    "environment": "m4rkerOfTheEnvironment0123456789",
    "url": "m4rkerOfTheSecretPath0123456789",
    "database": "m4rkerOfTheBrokerPassword0123456789",
}


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with the words that lead to it."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    with click.Context(command) as context:
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from leaves(inner, (*path, name))


COMMANDS = sorted(
    ((path, command) for path, command in leaves(cli.tieback) if path[0] not in STAY), key=lambda one: "remove" in one[0]
)


def words_of(path: tuple[str, ...], command: click.Command, folder: Path) -> list[str]:
    given = [WORDS.get(str(param.name), "acme") for param in command.params if isinstance(param, click.Argument)]
    if path == ("init",):
        given = [str(folder / "new")]
    return [*path, *given]


@pytest.fixture
def planted(tmp_path: Path, procore: Pretend) -> dict[str, str]:
    """An installation with a secret in every place that takes one, as settings of the command line."""
    key = "a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U="
    site = tmp_path / "site"
    for name in ("connectors", "destinations", "automations", "secrets"):
        (site / name).mkdir(parents=True)
    (site / "secrets/acme").write_text(SECRETS["file"])
    (site / "connectors/filed.yaml").write_text(
        textwrap.dedent(f"""\
        format: 1
        kind: procore_dmsa
        name: filed
        environment: custom
        api_host: {procore.url}
        login_host: {procore.url}
        client_id: from-a-file
        client_secret: ${{file:secrets/acme}}
        company_id: 1
        webhooks: {{secret: "${{env:HOOK_OF_FILED}}"}}
        """)
    )
    (site / "destinations/erp.yaml").write_text(
        "format: 1\nkind: http\nname: erp\nurl: ${env:ERP_URL}\nheaders: {Authorization: 'Bearer ${env:ERP_TOKEN}'}\n"
    )
    # A clear secret in a broken file: nobody may repeat it, and it is not kept.
    (site / "connectors/broken.yaml").write_text(
        f"format: 1\nkind: procore_dmsa\nname: broken\nenvironment: production\nclient_id: x\ncompany_id: 1\n"
        f"client_secret: {SECRETS['file']}\n"
    )
    given = {
        "TIEBACK_SECRET_KEYS": key, "TIEBACK_SITE": str(site), "ERP_TOKEN": SECRETS["environment"],
        "ERP_URL": f"https://127.0.0.1:1/services/{SECRETS['url']}", "HOOK_OF_FILED": SECRETS["hook"],
        "TIEBACK_BROKER_URL": f"redis://:{SECRETS['database']}@127.0.0.1:1/0", "TIEBACK_PUBLIC_URL": "http://127.0.0.1:1",
        "TIEBACK_LOG_LEVEL": "DEBUG",
    }  # fmt: skip
    loaded = settings.load(given, tmp_path)
    engine, box = open_engine(loaded), Box(loaded.secret_keys)
    stores.furnish(engine)
    config = {"format": 1, "kind": "procore_dmsa", "name": "acme", "environment": "custom", "api_host": procore.url,
              "login_host": procore.url, "client_id": "by-hand", "company_id": "1", "projects": "all",
              "webhooks": {"namespace": "acme", "payload_version": "v4.0", "api": "v2.0"}}  # fmt: skip
    with writing(engine) as db:
        sealed = {"client_secret": Secret(SECRETS["client"]), "webhook_secret": Secret(SECRETS["hook"])}
        connectors.put(db, "acme", "store", config, connectors.seal(box, "acme", sealed))
        calls.keep_token(db, box, "acme", Secret(SECRETS["token"]), 3600)
        hooks.ensure(db, box, "acme", "1", "", Secret(SECRETS["hook"]))
        apitokens.add(db, "acme", ["inbound"])
        audit.note(db, "cli:tests", "connector added", "acme")
    engine.dispose()
    return given


@pytest.mark.parametrize("as_json", [False, True], ids=["plain", "json"])
def test_no_command_shows_a_secret(tieback: Tieback, planted: dict[str, str], tmp_path: Path, as_json: bool) -> None:
    ran = []
    for path, command in COMMANDS:
        takes_json = any(param.name == "as_json" for param in command.params)
        if as_json and not takes_json:
            continue
        words = words_of(path, command, tmp_path)
        said = tieback(*words, *(["--json"] if as_json else []), **planted)
        ran.append(said.code)
        for name, secret in SECRETS.items():
            for part in {secret, secret.removeprefix("Bearer ")}:
                assert leaks(said.out + said.err, part) == [], f"{' '.join(words)} shows the {name}"
    # Most of them had something to say: a test in which all commands fail would prove nothing.
    assert ran.count(0) > len(ran) // 3, ran


def test_what_the_commands_kept_holds_no_secret_either(tieback: Tieback, planted: dict[str, str], tmp_path: Path) -> None:
    for words in (("rules", "apply"), ("connector", "validate", "acme"), ("connector", "validate", "filed"), ("hooks", "plan")):
        tieback(*words, **planted)
    # The files of the site are the operator's own; everything else was written by us.
    written = [path for path in tmp_path.rglob("*") if path.is_file() and tmp_path / "site" not in path.parents]
    assert any(path.suffix == ".db" for path in written)
    for path in written:
        kept = path.read_bytes().decode("latin-1")
        for name, secret in SECRETS.items():
            assert leaks(kept, secret) == [], f"{path.name} holds the {name}"


def test_a_token_is_shown_when_it_is_made_and_never_again(tieback: Tieback, planted: dict[str, str]) -> None:
    token = tieback("tokens", "add", "fresh", **planted).out.strip()
    assert token.startswith("tb_")
    for words in (("tokens", "list"), ("tokens", "list", "--json"), ("audit", "list"), ("audit", "list", "--json"), ("doctor",)):
        said = tieback(*words, **planted)
        assert leaks(said.out + said.err, token) == []


def test_an_exported_connector_refers_to_its_secrets(tieback: Tieback, planted: dict[str, str]) -> None:
    said = tieback("connector", "export", "acme", **planted)
    assert said.code == 0
    assert "client_secret: ${env:ACME_CLIENT_SECRET}" in said.out


def test_the_full_trace_of_a_command_has_no_secret(tieback: Tieback, planted: dict[str, str], tmp_path: Path) -> None:
    # Given a connector whose kept secret was replaced by something else
    engine = open_engine(settings.load(planted, tmp_path))
    with writing(engine) as db:
        db.execute(text("UPDATE tieback_connectors SET sealed = '{\"client_secret\": 7}' WHERE name = 'acme'"))
    engine.dispose()
    # When a command that needs it ends with its trace, since the log level is DEBUG
    said = tieback("connector", "update", "acme", "--namespace", "other", **planted)
    # Then the trace is there, and no secret in it
    assert "Traceback" in said.err
    assert "altered or moved" in said.err
    for secret in SECRETS.values():
        assert leaks(said.err, secret) == []


def test_a_refused_sign_in_names_the_fingerprint_at_most(tieback: Tieback, procore: Pretend, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text(SECRETS["client"])
    for level in ("INFO", "DEBUG"):
        said = tieback(*procore.words("other", wrong), TIEBACK_LOG_LEVEL=level)
        assert said.code != 0
        assert leaks(said.out + said.err, SECRETS["client"]) == []


def test_a_far_end_that_repeats_the_secret_on_the_command_line_is_quoted_without_it(
    tieback: Tieback, tmp_path: Path, wire: Any
) -> None:
    holder: list[Wire] = []

    def answer(connection: Any) -> None:
        said = holder[0].requests[-1].decode("latin-1")
        connection.sendall(http_answer(json.dumps({"error": said, "error_description": said}).encode(), "400 Bad"))

    holder.append(wire(answer))
    secret = tmp_path / "secret"
    secret.write_text(SECRETS["client"])
    words = ["connector", "add", "--name", "acme", "--environment", "custom", "--api-host", holder[0].url, "--login-host",
             holder[0].url, "--client-id", "id", "--client-secret-file", str(secret), "--company", "1"]  # fmt: skip
    said = tieback(*words, TIEBACK_LOG_LEVEL="DEBUG")
    assert said.code != 0
    assert leaks(said.out + said.err, SECRETS["client"]) == []
