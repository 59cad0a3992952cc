"""Secrets of hooks are renewed while Procore sends: two are valid meanwhile, and no delivery is ever refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, update

from config.errors import ConfigError, Transient
from config.settings import Settings
from connectors.hook_api import hook_api
from simulator.app import serve
from store import hooks
from store.models import Hook
from store.session import reading, writing
from store.types import now
from tests.workers.conftest import KEEP, changed, fault
from tests.workers.rig import Rig
from tests.workers.served import served
from workers.hooks import Hooks, keep_in_order

FROM_FILE = "webhooks: {secret: '${file:secrets/hook}'}\n"
FIRST, SECOND = "first-" * 8, "second-" * 8


@pytest.fixture
def quick() -> Iterator[Any]:
    """A pretend Procore that tries again at once, so that a refusal shows as a second attempt."""
    with serve(seed=7, spike=590, hourly=1_000_000, time_scale=1_000) as running:
        yield running


@pytest.fixture
def site(engine: Engine, settings: Settings, quick: Any) -> Iterator[Rig]:
    with served(engine, settings, quick, keep=KEEP) as one:
        fresh(one)
        yield one


def fresh(site: Rig) -> None:
    with reading(site.engine) as db:
        site.desk.loaded.fresh(db)


def of(site: Rig) -> Hooks:
    fresh(site)
    return Hooks(site.engine, site.box, site.settings, site.desk.loaded, "acme")


def applied(site: Rig) -> None:
    mine = of(site)
    assert all(done.error is None for done in mine.apply(mine.plan().changes, "test"))


def deliveries(far: Any) -> list[dict[str, Any]]:
    return list(requests.get(f"{far.url}/_sim/deliveries", timeout=10).json())


def wait_until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.02)


def secrets_there(far: Any) -> set[str]:
    return {hook.destination_headers["Authorization"] for hook in far.world.hooks.all()}


def accepted(site: Rig) -> set[tuple[str, ...]]:
    with reading(site.engine) as db:
        return {tuple(secret.reveal() for secret in hook.secrets) for hook in hooks.open_hooks(db, site.box)}


@contextmanager
def sending(far: Any) -> Iterator[None]:
    """Something changes in every project, again and again."""
    stop = threading.Event()
    projects = [project.id for project in far.world.projects(far.company_id)]

    def send() -> None:
        while not stop.is_set():
            for project in projects:
                wish = {"resource": "RFIs", "verb": "update", "project_id": project, "fields": {"subject": "again"}}
                requests.post(f"{far.url}/_sim/change", json=wish, timeout=10)
            time.sleep(0.02)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_no_delivery_is_refused_while_the_secret_is_renewed_again_and_again(site: Rig, quick: Any) -> None:
    applied(site)
    seen = secrets_there(quick)
    # Given a Procore that sends all the time, when the secret is renewed, twice with the old one ended at once
    with sending(quick):
        for at_once in (False, True, True):
            _, done, whole = of(site).rotate("cli:ana", at_once=at_once)
            assert whole
            assert all(one.written and one.error is None for one in done)
            seen |= secrets_there(quick)
            wait_until(lambda: all(one["status"] == "delivered" for one in deliveries(quick)[-5:]), "a delivery")
    # Then each hook had each of the secrets, and everything arrived at the first try
    wait_until(lambda: all(one["status"] == "delivered" for one in deliveries(quick)), "the last delivery")
    assert len(seen) == 4
    assert {one["attempts"] for one in deliveries(quick)} == {1}


def test_the_old_secret_ends_a_day_after_the_last_hook_has_the_new_one(site: Rig, quick: Any) -> None:
    applied(site)
    (old,) = secrets_there(quick)
    of(site).rotate("cli:ana")
    (new,) = secrets_there(quick)
    assert accepted(site) == {(new, old)}
    ends = site.rows("SELECT sealed FROM tieback_hooks")
    assert all("until" in str(row["sealed"]) for row in ends)
    with writing(site.engine) as db:  # a day later
        for row in hooks.of_connector(db, "acme"):
            sealed = [{**one, "until": one["until"] and (row.here).isoformat()} for one in row.sealed]
            db.execute(update(Hook).where(Hook.key == row.key).values(sealed=sealed))
    assert accepted(site) == {(new,)}


def test_now_ends_the_old_secret_as_soon_as_every_hook_has_the_new_one(site: Rig, quick: Any) -> None:
    applied(site)
    of(site).rotate("cli:ana", at_once=True)
    assert accepted(site) == {(secret,) for secret in secrets_there(quick)}


def test_a_rotation_that_stops_in_the_middle_is_gone_on_with_and_makes_no_third_secret(site: Rig, quick: Any) -> None:
    # Given a rotation that breaks after some hooks
    applied(site)
    (old,) = secrets_there(quick)
    mine = of(site)
    plan = mine.plan()
    assert plan.changes == ()
    requests.delete(f"{quick.url}/_sim/calls", timeout=10)
    first, *_ = [str(project.id) for project in quick.world.projects(quick.company_id)]
    fault(quick, "outage", path=first)
    with pytest.raises(Transient):
        mine.rotate("cli:ana", at_once=True)
    assert old in secrets_there(quick)
    assert {len(secrets) for secrets in accepted(site)} == {2}  # the old one has not ended for anyone
    # When it is called again
    requests.delete(f"{quick.url}/_sim/faults", timeout=10)
    _, _, whole = of(site).rotate("cli:ana", at_once=True)
    # Then every hook has the one new secret
    (new,) = secrets_there(quick)
    assert (whole, new != old, accepted(site)) == (True, True, {(new,)})


def test_the_timer_finishes_what_a_person_began(site: Rig, quick: Any) -> None:
    applied(site)
    (old,) = secrets_there(quick)
    fault(quick, "webhooks_forbidden", count=1000)
    _, _, whole = of(site).rotate("cli:ana")
    assert not whole
    requests.delete(f"{quick.url}/_sim/faults", timeout=10)
    keep_in_order(site.desk, "acme")
    (new,) = secrets_there(quick)
    assert new != old
    assert accepted(site) == {(new, old)}


def test_a_secret_that_changes_in_its_file_is_rotated_by_itself(site: Rig, quick: Any) -> None:
    # Given a connector whose file refers to its webhook secret
    (site.settings.site / "secrets/hook").write_text(FIRST)
    path = site.settings.site / "connectors/acme.yaml"
    path.write_text(path.read_text() + FROM_FILE)
    assert site.load_site() == []
    applied(site)
    assert secrets_there(quick) == {FIRST}
    # When what it refers to changes, while Procore sends
    with sending(quick):
        (site.settings.site / "secrets/hook").write_text(SECOND)
        keep_in_order(site.desk, "acme")
        count = len(deliveries(quick))
        wait_until(lambda: len(deliveries(quick)) > count + 20, "more deliveries")
    # Then every hook has the new value, the old one is valid for a day, and nothing was refused
    assert secrets_there(quick) == {SECOND}
    assert accepted(site) == {(SECOND, FIRST)}
    wait_until(lambda: all(one["status"] == "delivered" for one in deliveries(quick)), "the last delivery")
    assert {one["attempts"] for one in deliveries(quick)} == {1}


def test_a_secret_of_a_file_is_not_renewed_by_hand(site: Rig) -> None:
    (site.settings.site / "secrets/hook").write_text(FIRST)
    path = site.settings.site / "connectors/acme.yaml"
    path.write_text(path.read_text() + FROM_FILE)
    site.load_site()
    with pytest.raises(ConfigError, match=r"comes from its file \(webhooks.secret\). Change the value there"):
        of(site).rotate("cli:ana")


def test_a_hook_whose_deliveries_are_refused_is_counted_and_written_anew(site: Rig, quick: Any) -> None:
    # Given a hook at Procore with a secret that we do not know
    applied(site)
    mine = of(site)
    scope = str(quick.project_id)
    api = hook_api(mine.procore)
    (hook,) = api.hooks(scope, mine.connector.webhooks.namespace)
    api.update(scope, hook.id, hook.url, hook.payload_version, "another-" * 6)
    changed(quick, subject="refused")

    def refused() -> int:
        return sum(row["refused"] for row in site.rows("SELECT refused FROM tieback_hooks"))

    wait_until(lambda: refused() > 0, "a refusal")
    # When the timer looks
    keep_in_order(site.desk, "acme")
    # Then the hook sends ours again, what waited arrives, and the count begins anew
    wait_until(lambda: [one["status"] for one in deliveries(quick)] == ["delivered"], "the delivery that waited")
    assert "another-" * 6 not in secrets_there(quick)
    assert {row["refused"] for row in site.rows("SELECT refused FROM tieback_hooks")} == {0}


def test_a_refusal_for_an_unknown_key_is_counted_for_nobody(site: Rig) -> None:
    applied(site)
    answer = requests.post(f"{site.settings.public_url}/webhooks/{'x' * 43}", json={}, timeout=10)
    assert answer.status_code == 401
    assert {row["refused"] for row in site.rows("SELECT refused FROM tieback_hooks")} == {0}


def test_a_removed_hook_is_answered_for_a_day_with_any_secret_it_had(site: Rig, quick: Any) -> None:
    applied(site)
    (old,) = secrets_there(quick)
    of(site).rotate("cli:ana", at_once=True)
    with writing(site.engine) as db:
        for row in hooks.of_connector(db, "acme"):
            hooks.remove(db, row.key)
            key = row.key
    headers = {"Authorization": old, "Content-Type": "application/json"}
    url = f"{site.settings.public_url}/webhooks/{key}"
    wait_until(lambda: requests.post(url, json={"id": "1"}, headers=headers, timeout=10).status_code == 204, "an answer 204")
    with writing(site.engine) as db:
        db.execute(update(Hook).values(removed_at=now(-25 * 3600)))
    wait_until(lambda: requests.post(url, json={"id": "2"}, headers=headers, timeout=10).status_code == 401, "an answer 401")
    kept = site.rows("SELECT state, reason FROM tieback_deliveries WHERE hook_key <> 'config'")
    assert {(row["state"], row["reason"]) for row in kept} == {("ignored", "its hook was removed less than 24 hours ago")}
