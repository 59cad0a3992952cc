"""`tieback db …`"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from config.settings import without_password
from console.cli import asking
from console.cli.family import Family
from console.cli.output import json_option, listing, say, show_json
from console.verbs import copying, purging, rekeying
from console.verbs.at_hand import at_hand
from store import migrate
from store.rekeying import Found

db = Family(name="db", help="The database.")
file_argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@db.command()
def upgrade() -> None:
    """Make the database, or bring it to the schema of this version. `up`, `web`, `worker` and `relay` do it by themselves."""
    with at_hand(makes=True) as here:
        say(f"{without_password(here.settings.database_url)} is at revision {migrate.current(here.engine)}")


@db.command()
@click.option("--days", type=click.IntRange(1, 3650), help="Keep so many days instead of TIEBACK_RETENTION_DAYS.")
@click.option("--company", metavar="ID", help="Instead: take away all that came from this company, whatever its age.")
@click.option("--dry-run", is_flag=True, help="Count what would go, and take nothing away.")
@click.option("--yes", is_flag=True, help="With --company: do not ask for its id to be typed.")
@json_option
def purge(days: int | None, company: str | None, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Take away finished work that is older than TIEBACK_RETENTION_DAYS, as happens by itself every night.

    Work under way, what waits for a person, effects in doubt, and whatever keeps an event or an effect from happening
    twice all stay. docs/operations.md names what goes and what stays.

    With --company all data of one company goes, beside workers of others: deliveries, events, runs, ledger, copies, rows of
    its records, files of its runs, secrets. Work that waits or is parked goes too: without its connector it could never go on.
    Remove its connectors before. The audit keeps who did what.
    """
    if company is not None and days is not None:
        raise click.UsageError("--company takes everything, whatever its age: leave out --days")
    with at_hand() as here:
        if company is None:
            gone, left = purging.purge(here, days, dry=dry_run), []
        else:
            if not (dry_run or yes):
                purging.may_go(here, company)
                asking.typed(f"All that came from company {company} will be deleted for good. Type its id", company)
            done = purging.company(here, company, dry=dry_run)
            gone, left = {name: count for name, count in done.gone.items() if count}, done.left
    if as_json:
        show_json({"dry_run": dry_run, "gone": gone} | ({} if company is None else {"company": company, "left": left}))
        return
    said = [{"what": name, "count": count} for name, count in sorted(gone.items()) if count]
    empty = "nothing is that old." if company is None else f"nothing of company {company} is here."
    listing(said, {"would go" if dry_run else "gone": "what", "count": "count"}, as_json=False, empty=empty)
    for sentence in left:
        say(f"left: {sentence}")


@db.command()
@click.option("--check", is_flag=True, help="Only count what still needs an old key, and change nothing.")
@click.option("--forget-lost", is_flag=True, help="Take away what no key opens, so that it can be entered anew.")
@json_option
def rekey(check: bool, forget_lost: bool, as_json: bool) -> int:
    """Seal with the first key of TIEBACK_SECRET_KEYS what an older one sealed, while Tieback runs.

    Every process must have been started with the new key in front before. One that was ended half way goes on when it is
    begun again. Exit 1 when a value opens with no key; with --check also when one still needs an old key.
    """
    if check and forget_lost:
        raise click.UsageError("--check changes nothing: leave out --forget-lost")
    with at_hand() as here:
        found = rekeying.look(here) if check else rekeying.rekey(here, forget=forget_lost)
    old, lost = sum(one.old for one in found), [sentence for one in found for sentence in one.lost]
    counted = "need_an_old_key" if check else "sealed_anew"
    if as_json:
        show_json({"values": sum(one.values for one in found), counted: old, "lost": lost, "kinds": _counts(found, counted)})
    else:
        columns = {"kind": "kind", "values": "values", counted.replace("_", " "): counted, "lost": "lost"}
        listing(_counts(found, counted), columns, as_json=False, empty="")
        for sentence in (*lost, _advice(old if check else 0, len(lost))):
            say(sentence)
    return 1 if lost or (check and old) else 0


def _counts(found: list[Found], counted: str) -> list[dict[str, Any]]:
    return [{"kind": one.kind, "values": one.values, counted: one.old, "lost": len(one.lost)} for one in found]


def _advice(old: int, lost: int) -> str:
    if old:
        return f"still in need of an old key: {old}. Keep that key, and run: tieback db rekey"
    if lost:
        return f"{lost} opened with no key: the sentences above say what to do."
    return (
        "every value opens with the first key. Once every process was started with it in front, the old keys may go; "
        "`tieback db rekey --check` three hours later shows whether one has still sealed with them."
    )


@db.command()
@file_argument
def backup(file: Path) -> None:
    """Write a copy of the database to FILE while Tieback runs: a SQLite file, or a dump of pg_dump.

    Keep the secret keys (var/secret.key or TIEBACK_SECRET_KEYS) elsewhere: with both, every secret can be read.
    """
    with at_hand() as here:
        copying.take(here, file)
    say(f"{file}: the database as it was a moment ago. It needs the same secret keys when it is put back.")


@db.command()
@file_argument
def restore(file: Path) -> None:
    """Put a backup in the place of a database that is not there (SQLite) or is empty (PostgreSQL). Tieback must not run.

    What was done after the backup is not in it. So nothing about events from before the restoration is repeated unseen: effects
    with a key are sent again, those that can be looked up are, all others are left to a person.
    """
    moment = copying.put_back(file)
    say(f"restored. Effects of events before {moment} are looked up or left to a person before anything is repeated.")
    say("Next: start Tieback; tieback deliveries repair --sweep --ids; tieback effects list --state uncertain")
