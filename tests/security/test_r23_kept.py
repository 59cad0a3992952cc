"""R23: a secret that a far end answered is not kept, and what stands in its place is never used as if it were the value."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from sqlalchemy import Engine

from config.hiding import HIDDEN, hide, holds_hidden
from config.settings import Settings
from tests.connectors.conftest import http_answer
from tests.security.test_r25_at_rest import everything
from tests.workers.conftest import changed
from tests.workers.rig import payload, rig
from workers.kept import small

SECRET = "m4rkerOfWhatIsKept0123456789abcdef"
SINK = "format: 1\nkind: http\nname: sink\nurl: {url}\nprivate: true\n"
RULE = """
    format: 1
    id: hands-on
    stage: live
    retry: {{attempts: 3, backoff: fixed, first: 1s}}
    when:
      - webhook: {{connector: acme, resource: RFIs, actions: [update]}}
    do:
      - id: ask
        use: http.call
        with: {{to: "http:sink", path: /ask, idempotency_key: "a-${{event.key}}", json: {{a: 1}}}}
      - id: wait
        use: http.call
        with: {{to: "http:sink", path: /busy, idempotency_key: "b-${{event.key}}", json: {{a: 1}}}}
      - id: tell
        {step}
"""
SAID = "${steps.ask.output.text}"
STEPS = {
    "an effect": f"""use: http.call
        with: {{to: "http:sink", path: /tell, idempotency_key: "c", json: {{got: "it said {SAID}"}}}}""",
    "a reading": f"""use: http.call
        with: {{to: "http:sink", method: GET, path: /tell, query: {{got: "{SAID}"}}}}""",
    "a row": f"""use: db.upsert
        with: {{table: told, row: {{id: "1", got: "{SAID}"}}, key: [id]}}""",
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_later_attempt_fails_with_the_reason_instead_of_using_what_stands_for_a_secret(
    engine: Engine, settings: Settings, far: Any, wire: Any, step: str
) -> None:
    # Given a far end whose answer holds a secret of ours, and which is busy at the next step for once
    hide(SECRET)
    busy = iter([True])
    seen: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        seen.append(sink.requests[-1])
        if b"/busy " in seen[-1].splitlines()[0] and next(busy, False):
            connection.sendall(http_answer(b"{}", "503 Busy"))
        else:
            connection.sendall(http_answer(json.dumps({"secret": SECRET}).encode()))

    sink = wire(answer)
    with rig(engine, settings, far, hands=RULE.format(step=step)) as one:
        (settings.site / "destinations/sink.yaml").write_text(SINK.format(url=sink.url))
        assert one.load_site() == []
        one.deliver(payload(far, changed(far)))
        one.work()
        # When the run goes on in a later attempt
        one.settle()
        (run,) = one.runs()
    # Then it says why it cannot, and the far end never got what stands for the secret
    assert run["state"] == "failed"
    assert "It is not kept, so an attempt after a wait or a retry cannot use it" in str(run["error"])
    assert not any(b"/tell" in request or HIDDEN.encode() in request for request in seen)
    assert SECRET not in everything(engine)


def test_what_was_hidden_is_known_when_it_is_read_again_wherever_it_stands() -> None:
    hide(SECRET)
    for value in ({"a": [f"token {SECRET}"]}, [SECRET], {SECRET: 1}, SECRET):
        assert SECRET not in json.dumps(small(value))
        assert holds_hidden(small(value))
    assert not holds_hidden(small({"a": "***", "b": [1, None, True]}))
