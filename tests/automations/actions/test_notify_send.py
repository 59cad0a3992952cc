"""notify.send: one effect per destination, all tried before the step fails, doubt parks, digests instead of a flood."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from automations.actions import notify_send
from automations.actions.notify_send import Params
from automations.context import Budget, Context
from automations.effects import InDoubt
from automations.engine import run
from automations.journal import StepResult
from automations.memory import MemoryJournal
from automations.outcomes import Done, Outcome
from config.errors import Permanent, Transient, Uncertain
from config.problems import Problems
from connectors.messages import Receipt
from tests.automations.given import NOW, Far, automation, event, scope

ALL = "to: [slack:site-ops, teams:pm-office, http:erp-events]"
UNTIL = datetime(2026, 3, 20, 13, 0, tzinfo=UTC)


def said(parameters: str, far: Far, journal: MemoryJournal | None = None, **given: Any) -> Outcome:
    rule = automation(f"do:\n  - id: a\n    use: notify.send\n    with: {{{parameters}}}\n")
    return run(rule, scope(**given), journal if journal is not None else MemoryJournal(), far)


def told(far: Far) -> list[str]:
    return [name for name, _ in far.told]


def states(journal: MemoryJournal) -> dict[str, str]:
    return {one.effect.target: one.state for one in journal.effects.values()}


def context(far: Far, journal: MemoryJournal, **more: Any) -> Context:
    made = Context("rule", "a", event(), journal, far, Budget(1), NOW, NOW, run_id="812")
    return replace(made, **more)


def params(**given: Any) -> Params:
    return Params.model_validate({"to": "slack:site-ops", "text": "late", **given})


def test_every_destination_gets_the_message_and_the_output_says_so() -> None:
    far, journal = Far(), MemoryJournal()
    texts = 'title: "RFI ${record.number}", text: "${record.title}", fields: {Due: "${record.due_date}"}'
    given = f'{ALL}, {texts}, link: "https://a.example/1"'
    assert said(given, far, journal).state == "ok"
    assert told(far) == ["slack:site-ops", "teams:pm-office", "http:erp-events"]
    (_, message) = far.told[0]
    assert (message.title, message.text, message.link) == ("RFI 12", "Beam pocket depth at grid C4", "https://a.example/1")
    assert message.fields == {"Due": "2026-03-13"}
    assert message.about["automation"] == "rule"
    assert message.about["run"] == "812"
    assert message.about["event"]["resource_name"] == "RFIs"
    output = journal.results["a"].output
    assert output["sent"] == ["slack:site-ops", "teams:pm-office", "http:erp-events"]
    assert output["results"][0] == {"to": "slack:site-ops", "state": "sent", "said": "200 ok"}


def test_each_destination_is_an_effect_with_its_own_policy_and_key() -> None:
    far, journal = Far(), MemoryJournal()
    said(f"{ALL}, text: x", far, journal)
    assert {one.effect.target: one.effect.policy for one in journal.effects.values()} == {
        "slack:site-ops": "at_most_once",
        "teams:pm-office": "at_most_once",
        "http:erp-events": "natural_key",
    }
    assert [message.key for _, message in far.told] == list(journal.effects)


def test_a_retry_repeats_only_what_did_not_go_out() -> None:
    far, journal = Far(receipts={"teams:pm-office": [Transient("busy", kind="http_429", retry_after_s=42.0)]}), MemoryJournal()
    first = said(f"{ALL}, text: x", far, journal)
    assert (first.state, first.wait_s) == ("waiting", 42.0)
    assert "went through: slack:site-ops, http:erp-events" in str(first.reason)
    assert said(f"{ALL}, text: x", far, journal).state == "ok"
    assert told(far) == ["slack:site-ops", "teams:pm-office", "http:erp-events", "teams:pm-office"]
    output = journal.results["a"].output
    assert (output["sent"], output["already"]) == (["teams:pm-office"], ["slack:site-ops", "http:erp-events"])


def test_all_are_tried_before_the_step_fails_and_the_error_names_each() -> None:
    far = Far(receipts={"slack:site-ops": [Permanent("slack:site-ops: 404 no_service.", kind="http_404")]})
    outcome = said(f"{ALL}, text: x", far)
    assert outcome.state == "failed"
    assert told(far) == ["slack:site-ops", "teams:pm-office", "http:erp-events"]
    message = outcome.error["message"]  # type: ignore[index]
    assert "slack:site-ops: 404 no_service" in message
    assert "went through: teams:pm-office, http:erp-events" in message
    assert outcome.error["kind"] == "http_404"  # type: ignore[index]


def test_a_destination_that_is_not_there_does_not_silence_the_others() -> None:
    far = Far()
    outcome = said("to: [slack:nowhere, teams:pm-office], text: x", far)
    assert outcome.state == "failed"
    assert told(far) == ["teams:pm-office"]


def test_a_chat_that_may_have_the_message_parks_the_run_and_is_never_told_again() -> None:
    far, journal = Far(receipts={"slack:site-ops": [Uncertain("cut", kind="connection")]}), MemoryJournal()
    assert said("to: slack:site-ops, text: x", far, journal).state == "parked"
    assert said("to: slack:site-ops, text: x", far, journal).state == "parked"
    assert told(far) == ["slack:site-ops"]
    assert states(journal) == {"slack:site-ops": "uncertain"}


def test_what_may_still_go_out_is_tried_before_doubt_parks_the_run() -> None:
    receipts: Any = {"slack:site-ops": [Uncertain("cut")], "teams:pm-office": [Transient("busy")]}
    far, journal = Far(receipts=receipts), MemoryJournal()
    assert said(f"{ALL}, text: x", far, journal).state == "waiting"
    assert said(f"{ALL}, text: x", far, journal).state == "parked"
    assert told(far) == ["slack:site-ops", "teams:pm-office", "http:erp-events", "teams:pm-office"]


def test_http_is_told_again_with_the_same_key_after_doubt() -> None:
    far, journal = Far(receipts={"http:erp-events": [Uncertain("cut", kind="timeout")]}), MemoryJournal()
    assert said("to: http:erp-events, text: x", far, journal).state == "waiting"
    assert said("to: http:erp-events, text: x", far, journal).state == "ok"
    assert len({message.key for _, message in far.told}) == 1


def test_a_crash_between_two_destinations_leaves_doubt_about_one_only() -> None:
    far, journal = Far(), MemoryJournal()
    notify_send.run(params(to=["http:erp-events"]), context(far, journal))
    journal.crash()
    notify_send.run(params(to=["http:erp-events"]), context(far, journal))
    notify_send.run(params(), context(far, journal))
    journal.crash()
    with pytest.raises(InDoubt, match="settle it"):
        notify_send.run(params(), context(far, journal))
    assert told(far) == ["http:erp-events", "http:erp-events", "slack:site-ops"]


def test_once_is_said_once_by_whatever_run_and_without_it_once_per_event() -> None:
    far, journal = Far(), MemoryJournal()
    for number in (1, 2):
        journal.results.clear()
        said("to: slack:site-ops, text: x, once: closed", far, journal, event=event(key=f"e{number}"))
    assert told(far) == ["slack:site-ops"]
    assert journal.results["a"].output["already"] == ["slack:site-ops"]
    for number in (1, 2):
        journal.results.clear()
        said("to: slack:site-ops, text: x", far, journal, event=event(key=f"e{number}"))
    assert told(far) == ["slack:site-ops"] * 3


def test_an_address_that_was_refused_is_tried_by_itself_and_again_on_a_retry() -> None:
    refused = Receipt("250 ok", {"bob@acme.example": "450 later"})
    receipts: Any = {"email:office": [refused, Transient("450 later", kind="smtp_4xx"), Receipt("250 ok")]}
    far, journal = Far(receipts=receipts), MemoryJournal()
    given = "to: email:office, text: x, recipients: [ana@acme.example, bob@acme.example]"
    assert said(given, far, journal).state == "waiting"
    assert said(given, far, journal).state == "ok"
    assert [message.recipients for _, message in far.told] == [
        ("ana@acme.example", "bob@acme.example"),
        ("bob@acme.example",),
        ("bob@acme.example",),
    ]
    assert journal.results["a"].output["sent"] == ["email:office bob@acme.example"]


def test_recipients_may_come_from_a_template() -> None:
    far = Far()
    assert said('to: email:office, text: x, recipients: "${record.assignees.map(a, a.login)}"', far).state == "ok"
    assert far.told[0][1].recipients == ("ana@arch.example",)


def test_destinations_may_come_from_a_template_and_each_is_told_once() -> None:
    far = Far()
    assert said("to: \"${['slack:site-ops', 'slack:site-ops', 'teams:pm-office']}\", text: x", far).state == "ok"
    assert told(far) == ["slack:site-ops", "teams:pm-office"]
    assert said("to: \"${['ftp:x']}\", text: x", Far()).state == "failed"


def test_files_are_read_for_mail_and_named_for_chats() -> None:
    far = Far(files={"reports/ageing.csv": b"1,2"})
    assert said("to: [slack:site-ops, email:office], text: x, attach: reports/ageing.csv", far).state == "ok"
    assert [(file.name, file.content) for _, message in far.told for file in message.attachments] == [
        ("ageing.csv", b""),
        ("ageing.csv", b"1,2"),
    ]
    assert said("to: email:office, text: x, attach: gone.csv", Far()).state == "failed"


def test_a_dry_run_says_what_would_be_said() -> None:
    far, journal = Far(), MemoryJournal(dry=True)
    assert said(f"{ALL}, title: T, text: x", far, journal).state == "ok"
    output = journal.results["a"].output
    assert output["would"] == "notify.send: tell slack:site-ops, teams:pm-office, http:erp-events"
    assert output["request"] == {"title": "T", "text": "x"}
    assert output["sent"] == []
    assert (far.told, journal.effects) == ([], {})


@pytest.mark.parametrize(
    "parameters, code",
    [
        ("to: erp, text: x", "TB136"),
        ("to: [slack:site-ops, sql:warehouse], text: x", "TB136"),
        ("to: [], text: x", "TB133"),
        ("to: slack:site-ops", "TB132"),
        ('to: slack:site-ops, text: ""', "TB133"),
        ("to: slack:site-ops, text: x, title: a, subject: b", "TB133"),
        ("to: slack:site-ops, text: x, recipients: [a@b.example]", "TB133"),
        ("to: email:office, text: x, attach: /etc/passwd", "TB133"),
        ("to: email:office, text: x, attach: [a/../../b]", "TB133"),
        ('to: slack:site-ops, text: x, once: ""', "TB133"),
        ("to: slack:site-ops, text: x, chanel: y", "TB131"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_load(parameters: str, code: str) -> None:
    with pytest.raises(Problems) as raised:
        said(parameters, Far())
    assert code in {p.code for p in raised.value.found}


def test_a_path_that_leads_out_is_refused_when_a_template_gives_it() -> None:
    assert said('to: email:office, text: x, attach: "${record.status}/../../etc/passwd"', Far()).state == "failed"


def test_a_destination_that_is_not_there_is_found_at_load_wherever_it_stands_in_the_list() -> None:
    with pytest.raises(Problems) as raised:
        said("to: [slack:site-ops, slack:sit-ops], text: x", Far())
    assert [(p.code, p.suggestion) for p in raised.value.found] == [("TB136", "slack:site-ops")]


def gathering(journal: MemoryJournal, far: Far, **given: Any) -> Done:
    done = notify_send.run(params(**given), context(far, journal, digest_until=UNTIL, digest_key="p1"))
    journal.finish(StepResult("a", "ok"))
    return done


def test_over_the_rate_messages_are_gathered_and_not_said() -> None:
    far, journal = Far(), MemoryJournal()
    done = gathering(
        journal, far, to=["slack:site-ops", "email:office"], title="T", link="https://a.example/1", recipients=["a@b.example"]
    )
    assert done.output["gathered"] == ["slack:site-ops", "email:office"]
    assert far.told == []
    kept = list(journal.gathered.values())
    assert [(one.destination, one.throttle, one.until, one.title, one.text, one.link) for one in kept] == [
        ("slack:site-ops", "p1", UNTIL, "T", "late", "https://a.example/1"),
        ("email:office", "p1", UNTIL, "T", "late", "https://a.example/1"),
    ]


def test_recipients_part_the_digests_of_a_mail_server_only() -> None:
    journal = MemoryJournal()
    gathering(journal, Far(), to=["slack:site-ops", "email:office"], recipients=["a@b.example"])
    assert [one.recipients for one in journal.gathered.values()] == [(), ("a@b.example",)]


def test_what_was_gathered_once_is_neither_gathered_nor_said_again() -> None:
    far, journal = Far(), MemoryJournal()
    gathering(journal, far, once="k")
    assert gathering(journal, far, once="k").output["already"] == ["slack:site-ops"]
    assert notify_send.run(params(once="k"), context(far, journal)).output["already"] == ["slack:site-ops"]
    assert (len(journal.gathered), far.told) == (1, [])


def test_what_was_said_already_is_not_gathered() -> None:
    far, journal = Far(), MemoryJournal()
    notify_send.run(params(once="k"), context(far, journal))
    journal.finish(StepResult("a", "ok"))
    assert gathering(journal, far, once="k").output["already"] == ["slack:site-ops"]
    assert journal.gathered == {}


def test_a_crash_while_gathering_gathers_once() -> None:
    far, journal = Far(), MemoryJournal()
    notify_send.run(params(), context(far, journal, digest_until=UNTIL))
    journal.crash()
    gathering(journal, far)
    assert len(journal.gathered) == 1


def test_a_link_that_is_none_is_refused_before_it_spoils_a_digest() -> None:
    with pytest.raises(Permanent, match="is no web address"):
        gathering(MemoryJournal(), Far(), link="javascript:alert(1)")
