"""http.call: the policy by method, what goes out, and what comes back."""

from __future__ import annotations

import pytest

from automations.engine import run
from automations.memory import MemoryJournal
from automations.outcomes import Outcome
from automations.tools import Reply
from config.errors import Permanent
from config.problems import Problems
from tests.automations.given import Far, automation, scope


def called(parameters: str, far: Far, journal: MemoryJournal | None = None) -> Outcome:
    rule = automation(f'do:\n  - {{id: a, use: http.call, with: {{to: "http:erp", {parameters}}}}}\n')
    return run(rule, scope(), journal or MemoryJournal(), far)


@pytest.mark.parametrize(
    "parameters, policy",
    [
        ("method: GET, path: /x", None),
        ("method: put, path: /x", "idempotent"),
        ("method: PATCH, path: /x", "idempotent"),
        ("method: DELETE, path: /x", "idempotent"),
        ("path: /x", "at_most_once"),
        ("path: /x, idempotency_key: k", "natural_key"),
    ],
)
def test_the_policy_follows_the_method(parameters: str, policy: str | None) -> None:
    journal = MemoryJournal()
    assert called(parameters, Far(), journal).state == "ok"
    assert [e.effect.policy for e in journal.effects.values()] == ([policy] if policy else [])


def test_values_go_out_as_json_and_the_key_beside_them() -> None:
    far = Far()
    values = 'query: {n: 1}, json: {due: "${record.due_date}", id: "${record.id}"}'
    called(f'path: "/r/${{record.id}}", idempotency_key: "k-${{record.id}}", {values}', far)
    assert far.asked == [
        {
            "method": "POST", "path": "/r/22564874", "json": {"due": "2026-03-13", "id": "22564874"}, "body": None, "headers": {},
            "query": {"n": "1"}, "idempotency_key": "k-22564874",
        }
    ]  # fmt: skip


def test_the_output_is_status_json_text_and_a_few_headers() -> None:
    journal = MemoryJournal()
    far = Far([Reply(201, {"location": "/x/9", "set-cookie": "secret"}, '{"id": 9}', {"id": 9})])
    called("path: /x", far, journal)
    assert journal.results["a"].output == {"status": 201, "json": {"id": 9}, "text": '{"id": 9}', "headers": {"location": "/x/9"}}


@pytest.mark.parametrize(
    "status, state", [(200, "ok"), (204, "ok"), (301, "failed"), (404, "failed"), (429, "waiting"), (503, "waiting")]
)
def test_a_status_becomes_what_to_do_next(status: int, state: str) -> None:
    assert called("method: PUT, path: /x", Far([Reply(status)])).state == state


def test_retry_after_is_obeyed() -> None:
    assert called("method: PUT, path: /x", Far([Reply(429, {"retry-after": "42"})])).wait_s == 42.0


def test_a_deletion_of_what_is_gone_is_fine() -> None:
    assert called("method: DELETE, path: /x", Far([Reply(404)])).state == "ok"


def test_expected_statuses_replace_the_usual_ones() -> None:
    assert called("method: PUT, path: /x, expect: [409]", Far([Reply(409)])).state == "ok"
    assert called("method: PUT, path: /x, expect: [409]", Far([Reply(200)])).state == "failed"


def test_an_expected_refusal_may_also_come_as_an_error() -> None:
    assert called("method: DELETE, path: /x", Far([Permanent("gone", kind="http_404")])).state == "ok"
    assert called("method: PUT, path: /x, expect: [409]", Far([Permanent("there already", kind="http_409")])).state == "ok"
    assert called("method: PUT, path: /x", Far([Permanent("gone", kind="http_404")])).state == "failed"


@pytest.mark.parametrize(
    "parameters, code",
    [
        ('path: "https://evil.example/"', "TB133"),
        ("path: //evil.example/x", "TB133"),
        ("path: /a/../b", "TB133"),
        ("path: /a/%2e%2e/b", "TB133"),
        ("path: x", "TB133"),
        ("path: /x, url: https://a", "TB131"),
        ("path: /x, method: TRACE", "TB112"),
        ("path: /x, json: {a: 1}, body: b", "TB133"),
        ("path: /x, headers: {Authorization: abc}", "TB115"),
        ("path: /x, headers: {Cookie: abc}", "TB115"),
    ],
)
def test_what_must_not_go_out_is_refused_at_load(parameters: str, code: str) -> None:
    with pytest.raises(Problems) as raised:
        called(parameters, Far())
    assert code in {p.code for p in raised.value.found}


@pytest.mark.parametrize("to", ["erp", "https://erp", "sql:warehouse", "http:"])
def test_only_a_named_destination_is_taken(to: str) -> None:
    with pytest.raises(Problems) as raised:
        automation(f'do:\n  - {{id: a, use: http.call, with: {{to: "{to}", path: /x}}}}\n')
    assert [p.code for p in raised.value.found] == ["TB136"]
