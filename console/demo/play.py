"""What is shown: the five steps of a connection, recipes, hooks, three changes, and the rows that come of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from automations import recipes
from config import settings as all_settings
from console.cli.output import table
from console.demo.stage import DemoFailed, Stage, keep_secret
from store import listings
from store.session import open_engine, reading

NAME = "demo"
ROW_S = 30.0
CHANGES = (("RFIs", "update", "rfis"), ("Submittals", "update", "submittals"), ("Punch Items", "create", "punch_items"))


def whole(stage: Stage) -> None:
    """Raises: DemoFailed with what did not work."""
    started = time.monotonic()
    _programs(stage)
    _connection(stage)
    _automations(stage)
    _hooks(stage)
    with _Rows(stage) as rows:
        _changes(stage, rows)
        rows.show()
    _runs(stage)
    _look_next(stage)
    click.echo(f"\ndone in {time.monotonic() - started:.1f} s")


def _say(step: str) -> None:
    click.echo(f"\n== {step}")


def _show(text: str) -> None:
    for line in text.rstrip().splitlines():
        click.echo(f"   {line[:110]}{'…' if len(line) > 110 else ''}")


def _programs(stage: Stage) -> None:
    _say(f"tieback simulator --port {stage.sim_port} --seed 7    (a pretend Procore)")
    simulator = stage.start("simulator", "simulator", "--port", str(stage.sim_port), "--seed", "7")
    _say(f"tieback up    (on port {stage.port}, everything else in {stage.folder})")
    up = stage.start_tieback()
    stage.wait(simulator, stage.sim_port, "/_sim/state")
    stage.wait(up, stage.port, "/readyz")
    _show("both are ready")


def _connection(stage: Stage) -> None:
    state = stage.control("GET", "/_sim/state")
    secret = stage.site / "secrets" / NAME
    keep_secret(secret, state["client_secret"])
    words = [
        "connector",
        "add",
        "--name",
        NAME,
        "--environment",
        "custom",
        "--api-host",
        stage.simulator,
        "--login-host",
        stage.simulator,
    ]
    words += [
        "--client-id",
        state["client_id"],
        "--client-secret-file",
        str(secret),
        "--company",
        str(state["companies"][0]["id"]),
    ]
    _say("tieback connector add --name demo --environment custom …    (five steps)")
    _show(stage.tieback(*words))


def _automations(stage: Stage) -> None:
    for name in recipes.FIRST:
        (stage.site / "automations" / f"{name}.yaml").write_text(recipes.instantiate(name, NAME), "utf-8")
    _say("tieback rules check && tieback rules apply    (two recipes, now in the site's automations/)")
    _show(stage.tieback("rules", "check"))
    _show(stage.tieback("rules", "apply"))


def _hooks(stage: Stage) -> None:
    _say(f"tieback hooks apply {NAME}    (subscribe at the pretend Procore)")
    _show(stage.tieback("hooks", "apply", NAME))
    _say(f"tieback connector validate {NAME}    (field by field)")
    _show(stage.tieback("connector", "validate", NAME))


def _changes(stage: Stage, rows: _Rows) -> None:
    for resource, verb, name in CHANGES:
        _say(f"the simulator: {verb} one of {resource}")
        began = time.monotonic()
        (id,) = stage.control("POST", "/_sim/change", {"resource": resource, "verb": verb})["ids"]
        rows.wait(name, str(id))
        _show(f"{resource} {id}: in the table {name} after {time.monotonic() - began:.2f} s")


def _runs(stage: Stage) -> None:
    _say("tieback runs list    (what wrote them)")
    _show(stage.tieback("runs", "list", "--limit", "5"))


class _Rows:
    """The user's tables, read from the demonstration's database."""

    def __init__(self, stage: Stage):
        self._engine = open_engine(all_settings.load({"TIEBACK_DATABASE_URL": stage.database_url}))
        self.run_ids: list[int] = []

    def __enter__(self) -> _Rows:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    def wait(self, name: str, id: str) -> None:
        deadline = time.monotonic() + ROW_S
        while time.monotonic() < deadline:
            with reading(self._engine) as db:
                if listings.table_rows(db, name, limit=1, id=id):
                    return
            time.sleep(0.02)
        raise DemoFailed(f"no row {id} came into the table {name} within {ROW_S:.0f} s")

    def show(self) -> None:
        for _, _, name in CHANGES:
            _say(f"the table {name}")
            with reading(self._engine) as db:
                rows = listings.table_rows(db, name, limit=5)
            table([[cell(row) for cell in CELLS.values()] for row in rows], list(CELLS))


def _of_body(*names: str) -> Callable[[Mapping[str, Any]], str]:
    def cell(row: Mapping[str, Any]) -> str:
        value = next((row["body"][name] for name in names if row["body"].get(name)), "")
        value = value.get("name") if isinstance(value, dict) else value
        return str(value)[:40]

    return cell


CELLS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "id": lambda row: str(row["id"]),
    "number": _of_body("number", "position"),
    "title": _of_body("subject", "title", "name"),
    "status": _of_body("status"),
    "updated_at": lambda row: f"{row['updated_at']:%Y-%m-%d %H:%M:%SZ}",
    "run": lambda row: str(row["run_id"]),
}


def _look_next(stage: Stage) -> None:
    folder = _short(stage.folder)
    tieback = f"TIEBACK_SITE={folder}/site {_program()}"
    _say("look around (this works after the demonstration as well)")
    for line in (
        f"{tieback} runs show 1",
        f"{tieback} events list",
        f"{tieback} doctor",
        f"the rows:        {folder}/tieback.db, any SQLite tool reads it",
        f"the automations: {folder}/site/automations/    the logs: {folder}/*.log",
    ):
        click.echo(f"   {line}")


def _program() -> str:
    """How `tieback` is called here, to be copied."""
    called = Path(sys.argv[0])
    return _short(called) if called.name == "tieback" else f"{_short(Path(sys.executable))} -m console.cli"


def _short(path: Path) -> str:
    """Relative to the working directory when it lies below it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
