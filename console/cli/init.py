"""`tieback init`"""

from __future__ import annotations

from pathlib import Path

import click

from console import init as making
from console.cli.output import say


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
def init(folder: Path) -> None:
    """Make a new site folder with a sample connector, automations and settings. A folder that holds something is refused."""
    for name in making.make(folder):
        say(f"{folder / name}")
    say(f"Next: read {folder / 'README.md'}, and start with TIEBACK_SITE={folder}")
