"""A whole installation for the recipes: `tieback up`, a pretend Procore that really sends, a mail server, and a site.

Every program is a process of its own and everything between them goes over sockets. What takes hours in life is made due
by moving the times in the database's rows, as if the clock had been put on.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import Engine, text, update

from automations import recipes
from config import settings as all_settings
from console.demo.stage import Stage, keep_secret
from console.verbs import scheduling
from console.verbs.at_hand import AtHand
from store import approvals
from store.models import Run
from store.session import open_engine, reading, writing
from store.types import now
from tests.connectors.mail import Post, mail_server
from tests.services import free_port

CONNECTOR = "acme"
WAIT_S = 90.0


LISTS = {
    "RFIs": "/rest/v1.0/projects/{project}/rfis", "Submittals": "/rest/v1.1/projects/{project}/submittals",
    "Punch Items": "/rest/v1.1/punch_items", "Project Folders": "/rest/v1.0/folders",
    "Work Order Contracts": "/rest/v1.0/work_order_contracts", "Contract Payments": "/rest/v1.0/contract_payments",
    "Timecard Entries": "/rest/v1.0/projects/{project}/timecard_entries",
    "Company Users": "/rest/v1.3/companies/{company}/users", "inactive users": "/rest/v1.3/companies/{company}/users/inactive",
}  # fmt: skip


class Installation:
    """What tests turn and look at."""

    def __init__(self, stage: Stage, post: Post):
        self.stage, self.post = stage, post
        settings = all_settings.load({"TIEBACK_SITE": str(stage.site)}, stage.folder)
        self.settings = settings
        self.engine: Engine = open_engine(settings)
        state = self.simulator("GET", "/_sim/state")
        self._client = {"client_id": state["client_id"], "client_secret": state["client_secret"]}
        self.company = str(state["companies"][0]["id"])
        self.project = str(state["companies"][0]["projects"][0]["id"])
        self.projects = [str(one["id"]) for one in state["companies"][0]["projects"]]
        self._person, self._bearer = AtHand(settings, self.engine, "cli:ana"), ""

    def simulator(self, method: str, path: str, body: Any = None) -> Any:
        return self.stage.control(method, path, body)

    # What happens at Procore, and what others post to us

    def change(self, resource: str, verb: str, id: str | None = None, count: int = 1, **fields: Any) -> str:
        """Somebody at Procore does this; the (first) record's id. Sending follows."""
        wish: dict[str, Any] = {"resource": resource, "verb": verb, "fields": fields, "count": count}
        if resource not in ("Projects", "Company Users", "Company Insurances"):
            wish["project_id"] = int(self.project)
        if id is not None:
            wish["id"] = int(id)
        return str(self.simulator("POST", "/_sim/change", wish)["ids"][0])

    def create(self, resource: str, **fields: Any) -> str:
        return self.change(resource, "create", **fields)

    def update(self, resource: str, id: str, **fields: Any) -> str:
        return self.change(resource, "update", id, **fields)

    def inbound(self, source: str, body: Any) -> None:
        if not self._bearer:
            self._bearer = self.stage.tieback("tokens", "add", "partner", "--scope", "inbound").strip()
        head = {"Authorization": f"Bearer {self._bearer}"}
        url = f"http://127.0.0.1:{self.stage.port}/inbound/{source}"
        assert requests.post(url, json=body, headers=head, timeout=10).status_code == 202

    def use_payloads(self, version: str) -> None:
        """Let the hooks at Procore send this payload from now on."""
        file = self.stage.site / f"connectors/{CONNECTOR}.yaml"
        before = file.read_text().partition("webhooks:")[0]
        file.write_text(f"{before}webhooks: {{payload_version: {version}}}\n")
        self.stage.tieback("rules", "apply")
        self.stage.tieback("hooks", "apply", CONNECTOR)

    # What came of it

    def sink(self, name: str, *having: str) -> list[dict[str, Any]]:
        """What was posted to a sink, as far as these words are in it."""
        kept = self.simulator("GET", f"/_sim/sink/{name}")
        return [one for one in kept if all(word in json.dumps(one, ensure_ascii=False) for word in having)]

    def mails(self, *having: str) -> list[EmailMessage]:
        every = [self.post.read(number) for number in range(len(self.post.mails))]
        return [one for one in every if all(word in _all_of(one) for word in having)]

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        with reading(self.engine) as db:
            return [dict(row._mapping) for row in db.execute(text(query), values)]

    def table(self, name: str, **having: Any) -> list[dict[str, Any]]:
        """The rows of a table that are not marked deleted and have these values; none before there is such a table."""
        if not self.rows("SELECT 1 FROM sqlite_master WHERE name = :name", name=name):
            return []
        found = self.rows(f'SELECT * FROM "{name}"')
        return [row for row in found if not row.get("deleted_at") and all(row.get(key) == value for key, value in having.items())]

    def runs(self, automation: str, record: str = "") -> list[dict[str, Any]]:
        found = self.rows(
            "SELECT id, state, reason, error, record_key, trigger FROM tieback_runs WHERE automation = :name ORDER BY id",
            name=automation,
        )
        return [row for row in found if row["record_key"].endswith(record)]

    def listed(self, resource: str, project: str = "", **query: str) -> list[dict[str, Any]]:
        """What Procore has of it now, asked as any program would."""
        token = {"grant_type": "client_credentials", **self._client}
        bearer = requests.post(f"{self.stage.simulator}/oauth/token", json=token, timeout=10).json()["access_token"]
        head = {"Authorization": f"Bearer {bearer}", "Procore-Company-Id": self.company}
        path = LISTS[resource].format(company=self.company, project=project)
        asked = {
            "per_page": "1000",
            **({"project_id": project} if project and "{project}" not in LISTS[resource] else {}),
            **query,
        }
        answer = requests.get(f"{self.stage.simulator}{path}", params=asked, headers=head, timeout=20)
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    def file(self, name: str) -> Path:
        return self.settings.files_root / name

    # Waiting, and making time pass

    def until(self, found: Callable[[], Any], what: str, seconds: float = WAIT_S) -> Any:
        deadline = time.monotonic() + seconds
        while not (seen := found()):
            assert time.monotonic() < deadline, f"{what} did not come within {seconds:.0f} s.\n{self.story()}"
            time.sleep(0.05)
        return seen

    def ended(self, automation: str, record: str = "", count: int = 1, *states: str) -> list[dict[str, Any]]:
        """So many runs of it, once they have ended; in these states, else ok."""
        wanted = states or ("ok",)

        def found() -> list[dict[str, Any]] | None:
            done = [one for one in self.runs(automation, record) if one["state"] in wanted]
            return done if len(done) >= count else None

        return list(self.until(found, f"{count} runs of {automation} about {record or 'anything'} that are {wanted}"))

    def waits(self, automation: str, record: str, step: str) -> None:
        """Until its run stands at this step and waits."""
        self.until(
            lambda: [
                run for run in self.runs(automation, record) if run["state"] == "waiting" and self._stands_at(run["id"]) == step
            ],
            f"{automation} about {record} waiting at {step}",
        )

    def _stands_at(self, run_id: int) -> str:
        last = self.rows("SELECT path, state FROM tieback_steps WHERE run_id = :id ORDER BY id DESC LIMIT 1", id=run_id)
        return str(last[0]["path"]) if last and last[0]["state"] == "waiting" else ""

    def settled(self, quiet_s: float = 1.0) -> None:
        """Nothing is under way: no event unsorted, nothing due or running, and so for a moment."""
        since = time.monotonic()
        deadline = since + WAIT_S
        while time.monotonic() - since < quiet_s:
            if self._busy():
                since = time.monotonic()
            assert time.monotonic() < deadline, f"it does not come to rest.\n{self.story()}"
            time.sleep(0.1)

    def _busy(self) -> bool:
        if any(hook["waiting"] for hook in self.simulator("GET", "/_sim/state")["hooks"]):
            return True
        soon = "(run_after IS NULL OR run_after <= datetime('now', '+2 seconds'))"
        return bool(
            self.rows("SELECT 1 FROM tieback_deliveries WHERE state IN ('received', 'waiting', 'running') LIMIT 1")
            or self.rows("SELECT 1 FROM tieback_runs WHERE state = 'running' LIMIT 1")
            or self.rows(f"SELECT 1 FROM tieback_runs WHERE state = 'waiting' AND run_after IS NOT NULL AND {soon} LIMIT 1")
            or self.rows(f"SELECT 1 FROM tieback_fetches WHERE state IN ('waiting', 'running') AND {soon} LIMIT 1")
        )

    def pass_time(self, automation: str, record: str) -> None:
        """What this run waits for has come."""
        with writing(self.engine) as db:
            about = (Run.automation == automation, Run.state == "waiting", Run.record_key.endswith(record))
            db.execute(update(Run).where(*about).values(run_after=now(-1), rung_at=None))

    def its_time_comes(self, automation: str, trigger: str = "") -> None:
        """What it does by the clock happens now."""
        rows = self.rows("SELECT name, trigger FROM tieback_schedules WHERE automation = :name", name=automation)
        for name in [row["name"] for row in rows if trigger in ("", row["trigger"])]:
            scheduling.run(self._person, name)

    def answer(self, automation: str, record: str, choice: str) -> None:
        """A person answers what the run asks."""

        def asked() -> list[Any]:
            ids = {one["id"] for one in self.runs(automation, record)}
            with reading(self.engine) as db:
                return [one for one in approvals.every(db, "open", 100) if one.run_id in ids]

        (question,) = self.until(asked, f"a question of {automation}")
        with writing(self.engine) as db:
            assert approvals.answer(db, question.id, choice, "cli:ana", None)

    def story(self) -> str:
        """What there is to see when something did not come."""
        lines = [
            str(one)
            for one in self.rows("SELECT id, automation, state, reason, error FROM tieback_runs ORDER BY id DESC LIMIT 12")
        ]
        lines += [
            str(one)
            for one in self.rows("SELECT id, resource_name, action, state, reason FROM tieback_events ORDER BY id DESC LIMIT 12")
        ]
        return "\n".join(lines)


def _all_of(mail: EmailMessage) -> str:
    return f"{mail['To']} {mail['Subject']} {plain_of(mail)}"


def plain_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    return str(body.get_content()) if body else ""


@contextmanager
def installation(folder: Path, changes: Mapping[str, str]) -> Iterator[Installation]:
    """Up and running, with every recipe in force and its hooks at Procore. `changes` are made to the recipes' texts."""
    stage = Stage(folder, free_port(), free_port())
    stage.prepare()
    with mail_server() as (post, mail_port):
        try:
            options = ("--seed", "7", "--hourly", "1000000", "--spike", "100000", "--time-scale", "3600")
            simulator = stage.start("simulator", "simulator", "--port", str(stage.sim_port), *options)
            stage.wait(simulator, stage.sim_port, "/_sim/state")
            state = stage.control("GET", "/_sim/state")
            _write_site(stage, state, mail_port, changes)
            up = stage.start_tieback()
            stage.wait(up, stage.port, "/readyz")
            stage.tieback("hooks", "apply", CONNECTOR)
            one = Installation(stage, post)
            yield one
            one.engine.dispose()
        finally:
            stage.end()


def _write_site(stage: Stage, state: Any, mail_port: int, changes: Mapping[str, str]) -> None:
    keep_secret(stage.site / "secrets/acme", state["client_secret"])
    (stage.site / f"connectors/{CONNECTOR}.yaml").write_text(
        f"format: 1\nkind: procore_dmsa\nname: {CONNECTOR}\nenvironment: custom\nprivate: true\n"
        f"api_host: {stage.simulator}\nlogin_host: {stage.simulator}\nclient_id: {state['client_id']}\n"
        f"client_secret: ${{file:secrets/acme}}\ncompany_id: {state['companies'][0]['id']}\n"
    )
    project = str(state["companies"][0]["projects"][0]["id"])
    env = {"TIEBACK_FILES_ROOT": str((stage.folder / "files").absolute())}
    for name in recipes.names():
        for at, source in recipes.support(recipes.described(name)).items():
            (stage.site / at).parent.mkdir(exist_ok=True)
            (stage.site / at).write_text(_nearby(at, source, stage.simulator, mail_port, project, env))
        source = recipes.instantiate(name, CONNECTOR)
        for old, new in changes.items():
            source = source.replace(old, new)
        (stage.site / f"automations/{name}.yaml").write_text(source)
    with (stage.site / "tieback.env").open("a") as file:
        file.write("".join(f"{name}={value}\n" for name, value in env.items()))


def _nearby(at: str, source: str, simulator: str, mail_port: int, project: str, env: dict[str, str]) -> str:
    """A destination as it is shipped, but leading to a sink or to the mail server of the test."""
    if not at.startswith("destinations/"):
        return re.sub(r"59813400000200\d", project, source)
    sink = f"{simulator}/_sim/sink/{Path(at).stem}"
    if "kind: email" in source:
        source = re.sub(r"security: .*\nuser: .*\npassword: .*\n", f"security: none\nport: {mail_port}\n", source)
        return source.replace("smtp.acme.example", "127.0.0.1") + "private: true\n"
    for name in re.findall(r"\$\{env:([A-Z_]+)\}", source):
        env[name] = sink if "kind: http" not in source else "a-token-of-the-test"
    return re.sub(r"^url: https://.*$", f"url: {sink}", source, flags=re.MULTILINE) + "private: true\n"


def today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def tell(line: str) -> None:
    """A number that is worth seeing and that no test depends on."""
    sys.stdout.write(f"\n{line}\n")
