"""docs/commands.md, docs/settings.md and docs/metrics.md, made from the commands and the tables of settings and metrics.

`python -m console.reference` writes them; a test says when that was forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from config.settings import TABLE
from console.cli import tieback
from console.verbs import measuring

DOCS = Path(__file__).parent.parent / "docs"

COMMANDS_HEAD = """# Commands

Made by `python -m console.reference`; change the help in `console/cli/` instead of this page.

- stdout holds only the answer, logs and errors go to stderr.
- Every listing takes `--json` (an array of objects; times in ISO 8601 with Z) and `--limit`.
- Exit code 0: fine. 1: a failed check or run, or no answer from elsewhere. 2: wrong usage, or a setting or file to be mended.
- Changes made here are audited as `cli:<user>`.
- Everything is read from the environment and the site's `tieback.env`: see [settings](settings.md).
- `TIEBACK_LOG_LEVEL=DEBUG` adds the trace to an error.
"""

SETTINGS_HEAD = """# Settings

Made by `python -m console.reference` from the table in `config/settings.py`.

Settings are environment variables. The site's `tieback.env` may hold them too (`NAME=value`, a line each); the environment wins.
A name that is none of these, or a value that cannot be used, stops the start with a sentence that says what to write.
`tieback doctor` shows each one with where it came from. Relative paths count from the working directory.

What holds a secret may stand in a file instead, as containers and systemd hand secrets out: `TIEBACK_DATABASE_URL_FILE`,
`TIEBACK_BROKER_URL_FILE` and `TIEBACK_SECRET_KEYS_FILE` name the file. Setting both is refused.

| Setting | Default | Meaning |
|---|---|---|
"""


METRICS_HEAD = """# Metrics

Made by `python -m console.reference` from the table in `console/verbs/measuring.py`.

The console serves `/metrics` in Prometheus' text format; the public door never does. Whoever asks needs a token of the scope
`metrics`, which opens nothing else (`tieback tokens add prometheus --scope metrics`), and TLS, or asks on the console's own
machine. The figures are of the whole installation: they come from the database, so one console answers for every process. They
are gathered at most once in five seconds. `…_last_hour` is a moving hour and goes down again; what only grows ends in `_total`.

Labels are names of connectors, automations and lanes, or words of ours. Beyond 500 automations the least busy are summed up as
`(other)`. A rule's own counters (`metrics.count`) are called `tieback_rule_<name>_total`, with at most a hundred sets of labels
each.

`deploy/prometheus/` has a scrape configuration and alerts, `deploy/grafana/` a dashboard; [operations](operations.md) says what
to do about each alert.

| Metric | Kind | Labels | Meaning |
|---|---|---|---|
"""


def metrics() -> str:
    """Every metric with kind, labels and meaning."""
    rows = [
        f"| `{name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} | {one.help} |\n"
        for name, one in measuring.TABLE.items()
    ]
    return METRICS_HEAD + "".join(rows)


def commands() -> str:
    """Every command and option, in the order of `tieback --help`."""
    return COMMANDS_HEAD + "".join(f"\n{section}" for section in _sections(tieback, None))


def _sections(command: click.Command, parent: click.Context | None) -> Iterator[str]:
    context = click.Context(command, info_name=command.name, parent=parent)
    if isinstance(command, click.Group):
        if parent is not None:
            yield f"## {context.command_path}\n\n{command.help}\n"
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _sections(child, context)
        return
    assert parent is not None
    level = "##" if parent.parent is None else "###"
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)]).strip()
    yield f"{level} {context.command_path}\n\n`{usage}`\n\n{_text(command)}\n{_options(command, context)}"


def _text(command: click.Command) -> str:
    return "\n".join(line.strip() for line in (command.help or "").strip().splitlines())


def _options(command: click.Command, context: click.Context) -> str:
    options = [one for one in command.get_params(context) if isinstance(one, click.Option) and one.name != "help"]
    records = [found for one in options if (found := one.get_help_record(context))]
    rows = [f"- `{names.replace(' RANGE', '')}`: {' '.join(meaning.split())}\n" for names, meaning in records]
    return "\n" + "".join(rows) if rows else ""


def settings() -> str:
    """Every setting with default and meaning."""
    return SETTINGS_HEAD + "".join(
        f"| `{one.name}` | {f'`{one.default}`' if one.default else ''} | {one.help} |\n" for one in TABLE
    )


def pages() -> dict[str, str]:
    """Name below `docs/` to text."""
    return {"commands.md": commands(), "settings.md": settings(), "metrics.md": metrics()}


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).write_text(text, "utf-8")
