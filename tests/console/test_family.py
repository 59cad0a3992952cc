from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from console.cli import COMMANDS
from console.cli import tieback as whole
from tests.console.conftest import Tieback


def commands(of: click.Command, path: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(of)
    if not isinstance(of, click.Group):
        yield path.strip(), of
        return
    for name in of.list_commands(context):
        child = of.get_command(context, name)
        assert child is not None
        yield from commands(child, f"{path} {name}")


def test_help_imports_nothing_heavy(clean_env: dict[str, str]) -> None:
    # Given a fresh interpreter
    code = "import sys; from console.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    # When it shows the help
    done = subprocess.run([sys.executable, "-c", code], env=clean_env, capture_output=True, text=True, check=True)
    # Then every command is named, and none of the libraries was loaded
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)
    loaded = {name.split(".")[0] for name in done.stderr.split()}
    assert (
        loaded & {"sqlalchemy", "pydantic", "requests", "rich", "yaml", "alembic", "flask", "store", "workers", "connectors"}
        == set()
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_leads_to_a_command_of_that_name(name: str) -> None:
    command = whole.get_command(click.Context(whole), name)
    assert command is not None
    assert command.name == name
    assert command.help


def test_every_listing_takes_json_and_limit() -> None:
    for path, command in commands(whole):
        if path.endswith(" list"):
            assert {"as_json", "limit"} <= {one.name for one in command.params}, path


def test_every_option_says_what_it_is_for() -> None:
    for path, command in commands(whole):
        for one in command.params:
            assert not isinstance(one, click.Option) or one.help, f"{path} {one.name}"


def test_a_misspelt_command_gets_a_suggestion(program: Tieback) -> None:
    said = program("evnts")
    assert said.code == 2
    assert said.sentence() == 'tieback: there is no command "evnts"; did you mean "events"? See: tieback --help'


def test_a_misspelt_option_is_one_sentence(tieback: Tieback) -> None:
    said = tieback("runs", "list", "--limmit", "3")
    assert said.code == 2
    assert "--limmit" in said.sentence()


def test_a_reader_that_has_seen_enough_is_no_error(clean_env: dict[str, str], tmp_path: Path) -> None:
    command = f"{sys.executable} -m console.cli rules schema resources --json | head -c 10"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=tmp_path, env=clean_env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
