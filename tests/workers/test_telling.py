"""notify.send through the whole worker: real mail server, real posts, and what is left when something is cut."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, text, update

from config.logs import Line
from config.settings import Settings
from store import runs
from store.models import Timer
from store.session import writing
from store.types import now
from tests.connectors.mail import Post
from tests.workers.conftest import changed, fault
from tests.workers.rig import Rig, payload, rig

SECRET = "T0ABCDEF12/B0ABCDEF12/x9Yz8Wv7Ut6Sr5Qp4On3"
TELL = """
    format: 1
    id: tell
    stage: live
    retry: {attempts: 5, first: 1s}
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [update]}
    do:
      - id: tell
        use: notify.send
        with:
          to: [slack:ops, email:office, http:sink]
          once: "late-${record.id}"
          title: "RFI ${record.number}"
          text: "${record.subject} is late"
          attach: reports/ageing.csv
      - id: count
        use: metrics.count
        with: {name: told, labels: {project: "${event.project_id}"}}
"""


@pytest.fixture
def one(engine: Engine, settings: Settings, far: Any, post: tuple[Post, int]) -> Iterator[Rig]:
    folder = settings.site / "destinations"
    folder.mkdir()
    (settings.site / "secrets").mkdir()
    (settings.site / "secrets/slack").write_text(f"{far.url}/_sim/sink/slack/services/{SECRET}")
    (folder / "ops.yaml").write_text("format: 1\nkind: slack\nname: ops\nurl: ${file:secrets/slack}\nprivate: true\n")
    (folder / "office.yaml").write_text(
        f"format: 1\nkind: email\nname: office\nhost: 127.0.0.1\nport: {post[1]}\nsecurity: none\nfrom: t@acme.example\n"
        "to: [ana@acme.example, bob@acme.example]\n"
    )
    reports = settings.files_root / "reports"
    reports.mkdir(parents=True)
    (reports / "ageing.csv").write_text("1,2\n")
    with rig(engine, settings, far, tell=TELL) as made:
        yield made


def happens(one: Rig, far: Any) -> None:
    one.deliver(payload(far, changed(far, subject="<!channel> beam\r\nBcc: evil@x.example")))
    one.work()
    one.settle()


def sink(far: Any, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(f"{far.url}/_sim/sink/{name}", timeout=5).json()
    return found


def effects(one: Rig) -> dict[str, str]:
    return {row["target"]: row["state"] for row in one.rows("SELECT target, state FROM tieback_effects ORDER BY id")}


def told(one: Rig, far: Any, post: Post) -> tuple[int, int, int]:
    """How often Slack, the mail server and the web service took the message."""
    return len(sink(far, "slack")), len(post.mails), sum(said["applied"] for said in sink(far, "erp"))


def test_one_change_tells_three_places_once_and_counts_once(one: Rig, far: Any, post: tuple[Post, int]) -> None:
    happens(one, far)
    assert [run["state"] for run in one.runs()] == ["ok"]
    assert told(one, far, post[0]) == (1, 1, 1)
    mail = post[0].read()
    assert mail["Bcc"] is None
    assert [file.get_content() for file in mail.iter_attachments()] == ["1,2\n"]
    assert "&lt;!channel&gt;" in str(sink(far, "slack")[0]["body"])
    body = sink(far, "erp")[0]["body"]
    assert (body["automation"], body["run"], body["files"]) == ("tell", str(one.runs()[0]["id"]), ["ageing.csv"])
    assert body["event"]["action"] == "update"
    assert one.rows("SELECT name, value FROM tieback_counters") == [{"name": "told", "value": 1.0}]


def test_a_second_change_says_nothing_that_was_said_once(one: Rig, far: Any, post: tuple[Post, int]) -> None:
    record = changed(far, subject="first")
    one.deliver(payload(far, record))
    one.settle()
    wish = {"resource": "RFIs", "verb": "update", "project_id": far.project_id, "id": record, "fields": {"subject": "second"}}
    requests.post(f"{far.url}/_sim/change", json=wish, timeout=10).raise_for_status()
    one.deliver(payload(far, record, key="01J00000000000000000000002"))
    one.settle()
    assert [run["state"] for run in one.runs()] == ["ok", "ok"]
    assert told(one, far, post[0]) == (1, 1, 1)


def test_a_retry_repeats_only_what_did_not_go_out(one: Rig, far: Any, post: tuple[Post, int]) -> None:
    post[0].answer = "451 try later"
    one.deliver(payload(far, changed(far, subject="beam")))
    one.work()
    one.settle(passes=2)
    assert one.runs()[0]["state"] == "waiting"
    assert "went through: slack:ops, http:sink" in one.runs()[0]["reason"]
    post[0].answer = "250 queued"
    one.settle()
    assert one.runs()[0]["state"] == "ok"
    assert told(one, far, post[0]) == (1, 1, 1)
    assert len({mail["Message-ID"] for mail in [post[0].read()]}) == 1


def test_a_recipient_that_is_refused_for_now_is_told_later_and_the_others_not_again(
    one: Rig, far: Any, post: tuple[Post, int]
) -> None:
    post[0].refuse = {"bob@acme.example": "450 greylisted"}
    one.deliver(payload(far, changed(far, subject="beam")))
    one.work()
    one.settle(passes=2)
    post[0].refuse = {}
    one.settle()
    assert one.runs()[0]["state"] == "ok"
    assert [to for _, to, _ in post[0].mails] == [["ana@acme.example"], ["bob@acme.example"]]


def test_a_chat_whose_answer_was_cut_parks_the_run_and_is_never_told_twice(one: Rig, far: Any, post: tuple[Post, int]) -> None:
    fault(far, "sink", sink="slack", mode="apply_then_cut", for_s=60)
    happens(one, far)
    (run,) = one.runs()
    assert run["state"] == "parked"
    assert "slack:ops" in run["reason"]
    assert effects(one) == {"slack:ops": "uncertain", "email:office": "applied", "http:sink": "applied"}
    # When a person tries it again without having settled it
    requests.delete(f"{far.url}/_sim/faults", timeout=5)
    with writing(one.engine) as db:
        runs.again(db, run["id"])
    one.settle()
    assert one.runs()[0]["state"] == "parked"
    assert told(one, far, post[0]) == (1, 1, 1)


def test_a_web_service_whose_answer_was_cut_is_told_again_and_takes_it_once(one: Rig, far: Any, post: tuple[Post, int]) -> None:
    fault(far, "sink", sink="erp", mode="apply_then_cut", for_s=60)
    one.deliver(payload(far, changed(far, subject="beam")))
    one.work()
    one.settle(passes=1)
    requests.delete(f"{far.url}/_sim/faults", timeout=5)
    one.settle()
    assert one.runs()[0]["state"] == "ok"
    assert told(one, far, post[0]) == (1, 1, 1)
    assert len(sink(far, "erp")) >= 2


def test_the_address_of_a_chat_is_in_no_row_and_no_log(
    one: Rig, far: Any, post: tuple[Post, int], caplog: pytest.LogCaptureFixture
) -> None:
    fault(far, "sink", sink="slack", mode="error_500", for_s=60)
    with caplog.at_level(logging.DEBUG):
        happens(one, far)
    kept = [one.rows(f"SELECT * FROM {table}") for table in ("tieback_runs", "tieback_steps", "tieback_effects", "tieback_calls")]
    assert "slack:ops" in str(kept)
    assert "x9Yz8Wv7" not in str(kept)
    lines = "\n".join(map(Line().format, caplog.records))
    assert "run.parked" in lines
    assert "x9Yz8Wv7" not in lines


def test_in_shadow_nothing_goes_out(one: Rig, far: Any, post: tuple[Post, int]) -> None:
    path = one.settings.site / "automations/tell.yaml"
    path.write_text(path.read_text().replace("stage: live", "stage: shadow"))
    assert one.load_site() == []
    happens(one, far)
    assert one.runs()[-1]["state"] == "ok"
    assert told(one, far, post[0]) == (0, 0, 0)
    assert effects(one) == {}


def test_a_link_below_the_files_root_is_not_mailed(one: Rig, far: Any, post: tuple[Post, int]) -> None:
    file = one.settings.files_root / "reports/ageing.csv"
    file.unlink()
    file.symlink_to(one.settings.site / "secrets/slack")
    happens(one, far)
    assert one.runs()[0]["state"] == "failed"
    assert "a symbolic link or a device stands there" in str(one.runs()[0]["error"])
    assert told(one, far, post[0]) == (1, 0, 1)


def test_two_runs_with_the_same_once_in_the_same_moment_say_it_once_and_nobody_is_parked(
    one: Rig, far: Any, post: tuple[Post, int]
) -> None:
    # Given a run that has just written its intent, and another with the same `once:`
    record = changed(far, subject="beam")
    one.deliver(payload(far, record))
    one.work()
    first = one.runs()[0]["id"]
    with writing(one.engine) as db:
        db.execute(text("UPDATE tieback_effects SET state = 'intent', response = NULL WHERE target = 'slack:ops'"))
        db.execute(text("UPDATE tieback_runs SET state = 'waiting', run_after = NULL"))
    wish = {"resource": "RFIs", "verb": "update", "project_id": far.project_id, "id": record, "fields": {"subject": "second"}}
    requests.post(f"{far.url}/_sim/change", json=wish, timeout=10).raise_for_status()
    one.deliver(payload(far, record, key="01J00000000000000000000002"))
    one.work()
    one.settle(passes=2)
    # Then the other waits for what the first one learns
    assert "another run is just doing it" in one.runs()[1]["reason"]
    with writing(one.engine) as db:
        db.execute(text("UPDATE tieback_effects SET state = 'applied', response = '{}' WHERE target = 'slack:ops'"))
        db.execute(text("UPDATE tieback_runs SET state = 'ok' WHERE id = :id"), {"id": first})
    one.settle()
    assert [run["state"] for run in one.runs()] == ["ok", "ok"]
    assert told(one, far, post[0]) == (1, 1, 1)


FLOOD = """
    format: 1
    id: flood
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [update]}
    flow:
      throttle: {key: event.project_id, rate: 1/1h, over: digest}
    do:
      - id: tell
        use: notify.send
        with: {to: slack:ops, text: "RFI ${record.id} is late", link: "https://a.example/${record.id}"}
"""


def test_beyond_the_rate_of_a_rule_messages_become_one_digest_at_the_end_of_the_window(
    one: Rig, far: Any, post: tuple[Post, int]
) -> None:
    # Given a rule that may speak once an hour
    (one.settings.site / "automations/tell.yaml").unlink()
    (one.settings.site / "automations/flood.yaml").write_text(textwrap.dedent(FLOOD))
    assert one.load_site() == []
    # When four records change
    wish = {"resource": "RFIs", "verb": "update", "project_id": far.project_id, "fields": {"subject": "beam"}, "count": 4}
    ids = requests.post(f"{far.url}/_sim/change", json=wish, timeout=10).json()["ids"]
    for number, id in enumerate(ids):
        one.deliver(payload(far, id, key=f"01J0000000000000000000000{number}"))
        one.work()
    one.settle()
    # Then one was said at once, and three wait
    assert [run["state"] for run in one.runs()] == ["ok"] * 4
    assert len(sink(far, "slack")) == 1
    assert one.rows("SELECT count(*) AS n FROM tieback_gathered WHERE sent_at IS NULL") == [{"n": 3}]
    # When the window ends
    with writing(one.engine) as db:
        db.execute(update(Timer).where(Timer.kind == "digest").values(run_after=now(-1), rung_at=None))
    one.relay.look()
    one.work()
    # Then they are one message with a link each
    shown = str(sink(far, "slack")[1]["body"])
    assert "3 messages of flood" in shown
    assert shown.count("https://a.example/") >= 3
    assert one.rows("SELECT count(*) AS n FROM tieback_gathered WHERE sent_at IS NULL") == [{"n": 0}]
