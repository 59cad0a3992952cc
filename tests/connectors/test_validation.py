import datetime as dt
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import format_datetime
from typing import Any

import pytest

from config.errors import Permanent
from config.secrets import Secret
from connectors import hooks, mends, reach, validation
from connectors.definition import Connector
from connectors.environments import PRESETS
from connectors.ports import MemoryCalls, MemoryTokens
from connectors.tokens import TokenSource
from connectors.validation import Check, validate
from simulator.app import Running
from tests.connectors.conftest import HOOK_SECRET, Wire, connector_to, http_answer, procore_of


def checks(connector: Connector, **options: Any) -> dict[str, Check]:
    return {check.name: check for check in validate(procore_of(connector), **options)}


def states(connector: Connector, **options: Any) -> dict[str, str]:
    return {name: check.state for name, check in checks(connector, **options).items()}


def test_a_connector_that_is_fit_is_green_except_for_hooks_that_are_not_there_yet(sim: Running) -> None:
    found = states(connector_to(sim), resources=["RFIs", "Manpower Logs", "RFI Replies"])
    assert found == dict.fromkeys(validation.NAMES, "ok") | {"hooks": "not yet"}
    assert validation.worst(checks(connector_to(sim)).values()) == "not yet"


def test_hooks_that_are_kept_are_ok_and_drift_is_wrong(sim: Running) -> None:
    one = procore_of(connector_to(sim))
    wanted = hooks.desired([("RFIs", "update")], [str(sim.project_id)])
    list(
        hooks.apply(one, hooks.plan(one, wanted, lambda scope: "https://t.example/a").changes, lambda scope: Secret(HOOK_SECRET))
    )
    assert checks(connector_to(sim))["hooks"].seen == "1 active, with 1 triggers."
    moved = checks(connector_to(sim), hook_url_of=lambda scope: "https://t.example/b")["hooks"]
    assert (moved.state, moved.mend) == ("wrong", "Run: tieback hooks apply")


def test_a_host_that_does_not_answer_leaves_the_rest_undecided(sim: Running) -> None:
    found = checks(connector_to(sim, api_host="http://127.0.0.1:1"))
    assert found["hosts"].state == "wrong"
    assert "no connection to 127.0.0.1:1" in found["hosts"].seen
    assert found["credentials"].seen == "needs hosts."
    assert {check.state for name, check in found.items() if name != "hosts"} == {"not yet"}


def test_hosts_of_two_environments_are_no_pair(sim: Running) -> None:
    mixed = replace(connector_to(sim), api_host="https://sandbox.procore.com", login_host="https://login.procore.com")
    found = checks(mixed)["hosts"]
    assert found.seen == "https://sandbox.procore.com belongs to sandbox, https://login.procore.com to production."


def test_wrong_credentials_name_the_mend(sim: Running) -> None:
    found = checks(connector_to(sim, client_secret=Secret("nope")))
    assert (found["hosts"].state, found["credentials"].state, found["company"].state) == ("ok", "wrong", "not yet")
    assert "Procore developer portal" in found["credentials"].seen


def test_another_company_is_named_with_those_that_could_be_meant(sim: Running) -> None:
    found = checks(connector_to(sim, company_id="4711"))["company"]
    assert found.state == "wrong"
    assert f"Northgate Builders ({sim.company_id})" in found.seen


def test_wanted_projects_that_are_not_permitted_are_named(sim: Running) -> None:
    found = checks(connector_to(sim, projects=(str(sim.project_id), "4711")))["projects"]
    assert (found.state, found.seen) == ("wrong", "3 permitted; of the wanted ones 4711 are not.")
    assert "App Management" in found.mend


def test_a_tool_that_is_switched_off_is_named(sim: Running) -> None:
    sim.world.faults.add({"name": "tool_disabled", "resource": "RFIs"})
    found = checks(connector_to(sim), resources=["RFIs", "Submittals"])["tools"]
    assert found.state == "wrong"
    assert found.seen.startswith("RFIs: 403 on GET")
    assert "Submittals" not in found.seen
    assert "Tool Settings" in found.mend


def test_a_missing_webhook_permission_tells_the_developer_what_to_set(sim: Running) -> None:
    sim.world.faults.add({"name": "webhooks_forbidden"})
    found = checks(connector_to(sim))
    assert (found["webhooks"].state, found["hooks"].state) == ("wrong", "not yet")
    assert "Webhooks API" in found["webhooks"].mend


@pytest.mark.parametrize(
    "answer",
    [b"", http_answer(b"<html>", "502 Bad Gateway", content_type="text/html"), http_answer(b"[1]"), http_answer(b"null")],
)
def test_no_answer_whatever_makes_validation_raise(sim: Running, wire: Callable[..., Wire], answer: bytes) -> None:
    found = checks(connector_to(sim, api_host=wire(answer).url))
    assert list(found) == list(validation.NAMES)
    assert "wrong" in {check.state for check in found.values()}


def test_no_check_shows_a_secret(sim: Running) -> None:
    connector = connector_to(sim)
    shown = "".join(check.line() for check in validate(procore_of(connector)))
    assert connector.client_secret.reveal() not in shown
    assert connector.client_id not in shown


def one_of(connector: Connector, name: str, **options: Any) -> Check:
    return checks(connector, **options)[name]


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_is_off_is_wrong_and_hides_nothing_else(sim: Running, wire: Callable[..., Wire], hours: int) -> None:
    date = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours), usegmt=True)
    off = wire(http_answer(b"{}", "401 Unauthorized", f"Date: {date}\r\n"))
    found = checks(connector_to(sim, login_host=off.url, api_host=off.url))
    assert (found["clock"].state, "60 minutes" in found["clock"].seen) == ("wrong", True)
    assert "timedatectl" in found["clock"].mend
    assert found["credentials"].state == "wrong"


def test_one_host_with_a_clock_of_its_own_does_not_make_ours_wrong(sim: Running, wire: Callable[..., Wire]) -> None:
    off = wire(http_answer(b"{}", "401 Unauthorized", "Date: Thu, 01 Jan 2015 00:00:00 GMT\r\n"))
    assert one_of(connector_to(sim, login_host=off.url), "clock").state == "ok"


@pytest.mark.parametrize("date", ["", "Date: yesterday\r\n", "Date: Thu, 99 Jan 99999 00:00:00 GMT\r\n"])
def test_answers_that_do_not_say_the_time_leave_the_clock_undecided(sim: Running, wire: Callable[..., Wire], date: str) -> None:
    silent = wire(http_answer(b"{}", "401 Unauthorized", date))
    assert one_of(connector_to(sim, login_host=silent.url, api_host=silent.url), "clock").state == "not yet"


def test_an_empty_answer_that_is_called_html_is_no_web_page(sim: Running, wire: Callable[..., Wire]) -> None:
    bare = wire(http_answer(b"", "401 Unauthorized", content_type="text/html"))
    assert one_of(connector_to(sim, api_host=bare.url), "hosts").state == "ok"


def test_all_checks_together_end_in_time_whatever_hangs(sim: Running, wire: Callable[..., Wire]) -> None:
    # Given an API host that takes the question and says nothing
    done = threading.Event()
    silent = wire(lambda connection: void(done.wait(30)))
    began = time.monotonic()
    found = checks(connector_to(sim, api_host=silent.url), all_in_s=0.5)
    # Then the answer comes without it (it alone would take 10 s), and says so
    assert time.monotonic() - began < 9
    done.set()
    assert found["hosts"].state == "wrong"
    assert {check.state for name, check in found.items() if name != "hosts"} == {"not yet"}


def test_a_check_that_stands_in_line_for_the_quota_is_not_wrong(sim: Running) -> None:
    found = {check.name: check for check in validate(procore_of(connector_to(sim)), all_in_s=0.0, waiting=lambda: True)}
    assert (found["hosts"].state, found["hosts"].seen) == ("not yet", "the quota is used up for the moment.")


def test_hosts_that_were_not_asked_for_want_of_quota_are_not_wrong(sim: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given that time is up for both questions, and the check itself is still in time to say what it saw
    def hosts_first(work: Mapping[str, Callable[[], Any]], until: float) -> dict[str, Any]:
        return {name: one() for name, one in work.items() if name not in reach.KNOCKS}

    monkeypatch.setattr(validation, "together", hosts_first)
    found = validate(procore_of(connector_to(sim)), only=("hosts",), waiting=lambda: True)[0]
    assert (found.state, found.seen) == ("not yet", "the quota is used up for the moment.")
    assert validate(procore_of(connector_to(sim)), only=("hosts",))[0].state == "wrong"


def test_a_name_from_procore_moves_no_cursor(sim: Running) -> None:
    company = sim.world.companies[sim.company_id]
    company["name"] = "Evil\x1b]0;owned\x07 \u202eCo\r\nok credentials"
    seen = one_of(connector_to(sim), "company").seen
    assert seen.startswith("Evil ]0;owned Co ok credentials (")
    assert not set(seen) & {"\x1b", "\x07", "\u202e", "\r", "\n"}


def test_few_calls_are_made_however_many_projects_and_resources(start: Callable[..., Running]) -> None:
    sim = start()
    calls = MemoryCalls()
    many = ["RFIs", "Submittals", "Punch Items", "Meetings", "Manpower Logs", "Observation Items", "Change Events", "Drawings"]
    validate(procore_of(connector_to(sim), calls=calls), resources=many)
    assert len(calls.calls) <= 25


def test_a_name_that_does_not_resolve_says_who_is_served_by_the_federal_zone(sim: Running) -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    api, login = PRESETS["federal"]
    federal = replace(connector_to(sim), environment="federal", api_host=api, login_host=login)
    found = validate(procore_of(federal, resolver=nowhere))[0]
    assert (found.state, found.mend) == (
        "wrong",
        "Check the host's name, this machine's DNS and firewall: outgoing 443 must be open. "
        "The federal zone answers to addresses in the United States only.",
    )


def test_credentials_refused_by_the_sandbox_say_which_ones_it_knows(sim: Running, wire: Callable[..., Wire]) -> None:
    refuses = wire(http_answer(b'{"error": "invalid_client"}', "401 Unauthorized"))
    one = procore_of(connector_to(sim, login_host=refuses.url))
    # The sentence is that of the host's name, and only Procore has that one
    source = TokenSource(
        replace(one.connector, login_host="https://login-sandbox.procore.com"), one._tokens._login, MemoryTokens()
    )
    with pytest.raises(
        Permanent, match="that host knows the app's Sandbox credentials; its Production ones belong to production"
    ):
        source.token()


@pytest.mark.parametrize("environment", ["monthly", "custom"])
def test_the_monthly_sandbox_says_that_a_refresh_brings_what_is_missing(sim: Running, environment: str) -> None:
    one = replace(connector_to(sim), environment=environment)
    assert ("next refresh" in mends.install(one)) == ("next refresh" in mends.permit(one)) == (environment == "monthly")


def void(_: object) -> None:
    """For an answer that is none."""
