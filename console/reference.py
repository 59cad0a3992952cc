"""docs/commands.md and docs/settings.md, made from the commands and the table of settings.

`python -m console.reference` writes both; a test says when that was forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from config.settings import TABLE
from console.cli import tieback

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

| Setting | Default | Meaning |
|---|---|---|
"""


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
    return {"commands.md": commands(), "settings.md": settings()}


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).write_text(text, "utf-8")
