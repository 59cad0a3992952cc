"""A group of commands that imports one of them when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

Table = Mapping[str, tuple[str, str]]


class Family(click.Group):
    """`table` maps a command's name to `module:attribute` in this package and one line of help."""

    def __init__(self, *args: Any, table: Table | None = None, **kw: Any):
        super().__init__(*args, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, **kw)
        self._table = table or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._table, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self._table:
            return super().get_command(ctx, name)
        module, attribute = self._table[name][0].split(":")
        command: click.Command = getattr(import_module(f"console.cli.{module}"), attribute)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):
            from config.problems import did_you_mean

            mend = did_you_mean(args[0], known) or f"; there are {', '.join(known)}"
            raise click.UsageError(f'there is no command "{args[0]}"{mend}', ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, line) for name, (_, line) in self._table.items()]
        rows += [(name, command.get_short_help_str(90)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
