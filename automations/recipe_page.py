"""docs/recipes.md, made from the heads of the recipes: `python -m automations.recipe_page` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from automations import recipes
from automations.recipes import Recipe

PAGE = Path(__file__).parent.parent / "docs" / "recipes.md"

_HEAD = """\
# Recipes

Automations to start from, in `automations/recipes/`. Made by `python -m automations.recipe_page` from the heads of the files;
change those instead of this page.

```
tieback init --list                                        what there is, and what each needs
tieback init mysite --recipe rfi-escalation --recipe weather-delay
```

`tieback init` copies the chosen ones into a new site together with the recipes that belong to them, and with the
destinations, lookup tables and calendars that they need. Into a site that is there already copy the files by hand, and write
your connector for the word `CONNECTOR`. The destinations refer to secrets by names such as `${env:SLACK_SITE_OPS}`; write those
into `tieback.env`.

Each is live as it stands. `stage: shadow` in its place lets it run and say what it would do, and do nothing. What one would
change most often stands under `vars:`, who is asked or told in `lookups/` and `destinations/`. Sweeps and comparisons look at
copies that Tieback keeps: what was there before it began is read by one `tieback import`.
"""


def text() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    found = [recipes.described(name) for name in recipes.names()]
    yield _HEAD
    yield "| recipe | needs | comes with |"
    yield "|---|---|---|"
    for one in found:
        yield f"| [`{one.name}`](#{one.name}) | {_codes(one.needs)} | {_links(one.goes_with)} |"
    for one in found:
        yield from _section(one)


def _section(one: Recipe) -> Iterator[str]:
    yield f"\n## {one.name}\n"
    yield f"{one.does}\n"
    yield f"*Needs*: {_codes(one.needs) or 'nothing but a connector'}.  "
    yield f"*To change*: {one.change}  "
    yield f"*How it fails*: {one.fails}"


def _codes(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _links(names: tuple[str, ...]) -> str:
    return ", ".join(f"[`{name}`](#{name})" for name in names)


if __name__ == "__main__":
    PAGE.write_text(text(), "utf-8")
