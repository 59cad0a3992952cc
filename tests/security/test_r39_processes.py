"""R39: a secret comes by file, standard input, environment or hidden question; no process shows it to `ps` or its log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click
import pytest
import requests

from config.settings import TABLE
from console import cli
from console.demo.stage import answer
from tests.console.conftest import Pretend, Tieback, processes_of, wait_until
from tests.security.conftest import leaks
from tests.security.test_r24_write_only import leaves
from tests.services import free_port

PLAIN = "m4rkerOfTheHookSecret0123456789-0123456789"
TOKEN = "m4rkerOfTheDestination0123456789"


class Sampler:
    """Reads the arguments of every process, again and again, as `ps` in a loop would."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._over.wait(0.002):
            for entry in os.scandir("/proc"):
                if entry.name.isdigit():
                    with suppress(OSError):
                        self.seen.add(Path(entry.path, "cmdline").read_bytes().replace(b"\0", b" ").decode("latin-1"))

    @contextmanager
    def watching(self) -> Iterator[Sampler]:
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._thread.join()


@pytest.mark.parametrize("path,command", [pytest.param(*one, id=" ".join(one[0])) for one in leaves(cli.tieback)])
def test_no_option_takes_a_secret(path: tuple[str, ...], command: click.Command) -> None:
    for param in command.params:
        names = " ".join([str(param.name), *param.opts]).lower()
        secretive = any(word in names for word in ("secret", "password", "token", "bearer", "api-key", "credential"))
        assert not secretive or names.endswith("-file"), f"tieback {' '.join(path)} takes {names} on its command line"


def test_no_setting_is_given_as_an_argument() -> None:
    """They are environment variables and lines of tieback.env: only the owner of a process reads its environment."""
    options = {opt for _, command in leaves(cli.tieback) for param in command.params for opt in param.opts}
    assert not {setting.name.lower().replace("tieback_", "--").replace("_", "-") for setting in TABLE} & options


@pytest.mark.parametrize("way", ["file", "stdin", "question"])
def test_adding_a_connector_shows_its_secret_to_no_ps(program: Tieback, procore: Pretend, secret_file: Path, way: str) -> None:
    words = procore.words("acme", secret_file)
    at = words.index("--client-secret-file")
    given: str | None = None
    if way == "stdin":
        words[at + 1], given = "-", procore.secret
    elif way == "question":
        del words[at : at + 2]
        given = f"{procore.secret}\n"
    with Sampler().watching() as sampler:
        said = program(*words, input=given)
    assert said.code == 0, said.err
    seen = "\n".join(sampler.seen)
    assert "connector add" in seen
    assert leaks(seen, procore.secret) == []
    assert leaks(said.out + said.err, procore.secret) == []


def test_a_whole_installation_at_work_shows_no_secret_in_arguments_files_or_log(
    tmp_path: Path, clean_env: dict[str, str], procore: Pretend, secret_file: Path
) -> None:
    # Given a site whose connector, hook and destination have secrets, started at DEBUG as one embedded installation
    port = free_port()
    site = tmp_path / "site"
    for name in ("connectors", "destinations", "automations"):
        (site / name).mkdir(parents=True)
    secret_file.rename(site / "secret")
    (site / "tieback.env").write_text(f"HOOK={PLAIN}\nTOKEN={TOKEN}\nTIEBACK_PUBLIC_URL=http://127.0.0.1:{port}\n")
    (site / "tieback.env").chmod(0o600)
    (site / "connectors/acme.yaml").write_text(
        "format: 1\nkind: procore_dmsa\nname: acme\nenvironment: custom\nprivate: true\n"
        f"api_host: {procore.url}\nlogin_host: {procore.url}\nclient_id: {procore.client_id}\n"
        f"client_secret: ${{file:secret}}\ncompany_id: {procore.company_id}\nwebhooks: {{secret: '${{env:HOOK}}'}}\n"
    )
    (site / "destinations/sink.yaml").write_text(
        f"format: 1\nkind: http\nname: sink\nurl: {procore.url}/_sim/sink\nheaders: {{Authorization: 'Bearer ${{env:TOKEN}}'}}\n"
    )
    (site / "automations/tell.yaml").write_text(
        "format: 1\nid: tell\nstage: live\nwhen:\n  - webhook: {connector: acme, resource: RFIs, actions: [update]}\n"
        "do:\n  - id: post\n    use: http.call\n    with: {to: 'http:sink', path: /erp, json: {a: 1}}\n"
    )
    env = {**clean_env, "TIEBACK_BIND": f"127.0.0.1:{port}", "TIEBACK_LOG_LEVEL": "DEBUG"}
    log = tmp_path / "log"
    with Sampler().watching() as sampler, log.open("wb") as out:
        up = subprocess.Popen([sys.executable, "-m", "console.cli", "up"], cwd=tmp_path, env=env, stdout=out, stderr=out)
        try:
            # When hooks are made, a record changes, Procore tells of it and the far end is called
            wait_until(lambda: answer(port, "GET", "/readyz")[0] == 200, 40, "/readyz")
            _hooks_made(tmp_path, env)
            _change(procore)
            wait_until(lambda: _sunk(procore) != [], 40, "the call of the far end")
        finally:
            for pid in processes_of(tmp_path):
                os.kill(pid, signal.SIGKILL)
            up.wait()
    # Then the far end was given its credential, and nobody else
    assert f"Bearer {TOKEN}" in str(_sunk(procore))
    places = {"the arguments of a process": "\n".join(sampler.seen)}
    places |= {
        str(path): path.read_bytes().decode("latin-1")
        for path in tmp_path.rglob("*")
        if path.is_file() and site not in path.parents and path.suffix != ".pyc"
    }
    assert any(name.endswith(".db") for name in places)
    assert '"level": "' in places[str(log)]
    for name, held in places.items():
        for secret in (PLAIN, TOKEN, procore.secret):
            assert leaks(held, secret) == [], f"{secret} in {name}"


def _hooks_made(folder: Path, env: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "console.cli", "hooks", "apply", "acme"],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert leaks(done.stdout + done.stderr, PLAIN) == []


def _change(procore: Pretend) -> None:
    state = requests.get(f"{procore.url}/_sim/state", timeout=10).json()
    (company,) = [one for one in state["companies"] if str(one["id"]) == procore.company_id]
    wish = {"resource": "RFIs", "verb": "update", "project_id": company["projects"][0]["id"], "fields": {"subject": "x"}}
    requests.post(f"{procore.url}/_sim/change", json=wish, timeout=10).raise_for_status()


def _sunk(procore: Pretend) -> list[object]:
    found: list[object] = requests.get(f"{procore.url}/_sim/sink/erp", timeout=10).json()
    return found
