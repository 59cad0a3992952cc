"""Adding a connector: signing in, choosing from many companies, being interrupted, and hostile names."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from config.errors import ConfigError
from config.secrets import Secret
from connectors.validation import Check
from console.verbs import connecting
from console.verbs.at_hand import at_hand
from tests.console.conftest import Pretend, Said, Tieback, wait_until

EVIL = "Evil \x1b]0;owned\x07\x1b[2J \u202eoC\r\n5 validate ok"


@pytest.fixture
def companies(procore: Pretend) -> Iterator[Callable[[dict[int, str]], None]]:
    """Gives the pretend Procore more companies for one test."""
    world, before = procore.world, {number: dict(body) for number, body in procore.world.companies.items()}

    def add(more: dict[int, str]) -> None:
        like = next(iter(before.values()))
        world.companies.update({number: {**like, "id": number, "name": name} for number, name in more.items()})

    yield add
    world.companies.clear()
    world.companies.update(before)


def without(words: list[str], option: str) -> list[str]:
    at = words.index(option)
    return words[:at] + words[at + 2 :]


class Person:
    """Answers a command's questions as they come; what is asked for is read from its stderr."""

    def __init__(self, words: list[str], folder: Path, env: dict[str, str]):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "console.cli", *words], cwd=folder, env=env, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.out, self.err = "", ""
        self._readers = [threading.Thread(target=self._read, args=(name,), daemon=True) for name in ("out", "err")]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str) -> None:
        stream: Any = self.process.stdout if name == "out" else self.process.stderr
        while sign := stream.read(1):
            setattr(self, name, getattr(self, name) + sign)

    def sees(self, name: str, text: str) -> str:
        wait_until(lambda: text in getattr(self, name), 20, f"{text!r} on std{name}")
        return str(getattr(self, name))

    def types(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def ends(self) -> Said:
        code = self.process.wait(20)
        for reader in self._readers:
            reader.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return Said(code, self.out, self.err)


@pytest.fixture
def person(tmp_path: Path, clean_env: dict[str, str]) -> Callable[[list[str]], Person]:
    return lambda words: Person(words, tmp_path, clean_env)


def kept(tieback: Tieback) -> list[str]:
    return [row["name"] for row in tieback("connector", "list", "--json").json()]


def code_for(address: str) -> str:
    reply = requests.get(address, allow_redirects=False, timeout=5)
    return parse_qs(urlsplit(reply.headers["Location"]).query)["code"][0]


def test_a_person_signs_in_with_the_code_that_procore_shows(
    person: Callable[[list[str]], Person], tieback: Tieback, procore: Pretend, secret_file: Path
) -> None:
    # Given somebody who adds a connector with --sign-in
    one = person([*procore.words("acme", secret_file), "--sign-in"])
    address = re.search(r"http\S+", one.sees("err", "Code:"))
    assert address
    assert procore.secret not in one.err
    # When he opens the address and types the code
    code = code_for(address[0])
    one.types(code)
    said = one.ends()
    # Then the connector is added, and of the person's token nothing is left, here or there
    assert said.code == 0, said.err
    assert "3 credentials  a person signed in to client" in said.out
    assert kept(tieback) == ["acme"]
    assert [token for token in procore.world.tokens._issued.values() if token.refresh] == []
    shown = said.out + said.err + tieback("connector", "show", "acme", "--json").out + tieback("audit", "list", "--json").out
    assert code not in shown


def test_a_wrong_code_is_one_line_with_the_mend_and_keeps_nothing(tieback: Tieback, procore: Pretend, secret_file: Path) -> None:
    said = tieback(*procore.words("acme", secret_file), "--sign-in", input="not-the-code\n")
    assert said.code == 1
    assert said.err.splitlines()[-1].removeprefix("Code: ") == (
        "tieback: acme: the code was refused: it is mistyped, used already, or older than ten minutes (invalid_grant). "
        "Begin again, open the new address and copy what it shows."
    )
    assert kept(tieback) == []


def test_one_of_many_companies_is_found_by_a_part_of_its_name(
    tieback: Tieback, procore: Pretend, secret_file: Path, companies: Any
) -> None:
    companies({4_000_000_000 + number: f"Ärmel & Söhne {number:04}" for number in range(3000)})
    words = without(procore.words("acme", secret_file), "--company")
    # When the answer fits many, then none, then one
    said = tieback(*words, input="söhne\nnobody\nNORTHGATE\n")
    # Then it was asked again each time, and the list was never longer than a screen
    assert said.code == 0, said.err
    assert "3000 companies are called so:" in said.err
    assert "No company is called 'nobody'." in said.err
    assert len(said.err.splitlines()) < 150
    assert f"4 company      Northgate Builders ({procore.company_id}), one of 300" in said.out


def test_a_company_that_is_not_there_does_not_print_thousands(
    tieback: Tieback, procore: Pretend, secret_file: Path, companies: Any
) -> None:
    companies({4_000_000_000 + number: "Builders" for number in range(3000)})
    said = tieback(*procore.words("acme", secret_file, company="42"))
    assert said.code == 2
    assert " more. Choose one of them" in said.sentence()
    assert len(said.sentence()) < 1000


def test_a_name_from_procore_moves_no_cursor_and_forges_no_line(
    tieback: Tieback, procore: Pretend, secret_file: Path, companies: Any
) -> None:
    companies({int(procore.company_id): EVIL})
    asked = tieback(*without(procore.words("acme", secret_file), "--company"), input=f"{procore.company_id}\n")
    refused = tieback(*procore.words("other", secret_file, company="42"))
    shown = tieback("connector", "show", "acme", "--json")
    for said in (asked, refused, shown):
        assert not set(said.out + said.err) & set("\x1b\x07\u202e\r"), said
    assert asked.code == 0
    assert [line for line in asked.out.splitlines() if line.startswith("5 ")] == ["5 validate"]


def test_a_secret_is_no_option_and_is_not_repeated_when_somebody_tries(tieback: Tieback) -> None:
    said = tieback("connector", "add", "--name", "acme", "--client-secret", "hunter2hunter2")
    assert said.code == 2
    assert "--client-secret" in said.err
    assert "hunter2" not in said.out + said.err


def test_no_secret_is_in_the_arguments_or_environment_of_the_process(
    person: Callable[[list[str]], Person], procore: Pretend
) -> None:
    one = person(without(without(procore.words("acme", Path("-")), "--company"), "--client-secret-file"))
    one.sees("err", "Client secret")
    one.types(procore.secret)
    one.sees("out", "3 credentials")
    process = Path(f"/proc/{one.process.pid}")
    seen = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    assert procore.secret.encode() not in seen
    one.process.kill()
    assert procore.secret not in one.ends().err


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("after", ["1 name", "2 endpoint", "3 credentials", "4 company"])
def test_whenever_it_is_interrupted_nothing_is_kept_and_a_second_try_works(
    person: Callable[[list[str]], Person], tieback: Tieback, procore: Pretend, secret_file: Path, by: int, after: str
) -> None:
    words = procore.words("acme", secret_file)
    # Given an answer that takes its time, so that the interruption comes in the middle
    procore.world.faults.add({"name": "slow", "seconds": 0.4})
    try:
        one = person(words)
        one.sees("out", after)
        os.kill(one.process.pid, by)
        said = one.ends()
    finally:
        procore.world.faults.clear()
    # Then it ended without a trace, and nothing is there
    assert said.code not in (0, 1)
    assert "Traceback" not in said.err
    assert kept(tieback) == []
    if by == signal.SIGKILL:
        assert tieback(*words).code == 0
        assert kept(tieback) == ["acme"]


def test_of_two_who_add_the_same_name_at_once_one_is_told(
    tieback: Tieback, procore: Pretend, secret_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tieback("db", "upgrade").code == 0
    monkeypatch.chdir(tmp_path)
    with at_hand(actor="cli:ana") as here:
        # Given somebody who is nearly done with a name that was free
        draft = connecting.draft(here, "acme").of(
            environment="custom", api_host=procore.url, login_host=procore.url, company_id=procore.company_id
        )
        draft = connecting.with_credentials(draft, procore.client_id, Secret(procore.secret))
        checks = connecting.validated(draft)
        # When another one is done first
        assert tieback(*procore.words("acme", secret_file, namespace="the-others")).code == 0
        # Then he is told, and the other's is as it was
        with pytest.raises(ConfigError, match='there is a connector "acme" already'):
            connecting.keep(here, draft, checks)
    shown = tieback("connector", "show", "acme", "--json").json()
    assert (shown["version"], shown["config"]["webhooks"]["namespace"]) == (1, "the-others")


def test_what_is_not_proven_is_not_kept_although_nothing_is_wrong(
    tieback: Tieback, procore: Pretend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tieback("db", "upgrade").code == 0
    monkeypatch.chdir(tmp_path)
    with at_hand() as here:
        draft = connecting.draft(here, "acme").of(environment="production", company_id="1")
        checks = [Check("hosts", "ok", "fine"), Check("company", "not yet", "the quota is used up for the moment.", "Try again.")]
        with pytest.raises(connecting.Unfit, match=r"company: the quota is used up for the moment\. Try again\."):
            connecting.keep(here, draft, checks)
    assert kept(tieback) == []


@pytest.mark.parametrize(
    ("answers", "taken"), [(("usual", "other"), None), (("other",), "https://api-sandbox-monthly.procore.com")]
)
def test_either_name_of_the_monthly_sandboxs_host_will_do(answers: tuple[str, ...], taken: str | None) -> None:
    def knock(of: connecting.Draft) -> list[Check]:
        host = of.connector().api_host
        there = "usual" if host == "https://api-monthly.procore.com" else "other"
        return [Check("hosts", "ok" if there in answers else "wrong", host)]

    begun = connecting.Draft({"format": 1, "kind": "procore_dmsa", "name": "acme", "client_id": "x"}, Secret("x"))
    assert connecting.reached(begun.of(environment="monthly"), knock).config.get("api_host") == taken
    # But a host that somebody chose is not exchanged for another
    chosen = begun.of(environment="monthly", api_host="https://api-monthly.procore.com")
    if taken:
        with pytest.raises(connecting.Unfit):
            connecting.reached(chosen, knock)
