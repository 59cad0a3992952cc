"""`tieback doctor`"""

from __future__ import annotations

import click

from console.cli.output import json_option, say, show_json
from console.doctor import look


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Look at everything: each line is ok, warn or wrong, and how to mend it. Changes nothing. Exit 1 when something is wrong."""
    found = look()
    if as_json:
        show_json([one.as_json() for one in found])
    else:
        for one in found:
            say(f"{one.state:5}  {one.name:12} {one.seen}" + (f"\n{'':20}-> {one.mend}" if one.mend else ""))
    return 1 if any(one.state == "wrong" for one in found) else 0
