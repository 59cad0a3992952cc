"""`make screenshots`: every page at desktop and phone width, light and dark, into build/screenshots."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from console.access import TABLE
from store.session import writing
from tests.console.web import world
from tests.console.web.browser import DESKTOP, PHONE, chromium, looking
from tests.console.web.served import over_a_week

SHOTS = (("desktop", DESKTOP, "light"), ("desktop-dark", DESKTOP, "dark"), ("phone", PHONE, "light"))


def main(folder: Path) -> int:
    """How many were made is said at the end."""
    from tests.security.test_r30_pages import pages_to_see

    folder.mkdir(parents=True, exist_ok=True)
    made = 0
    with tempfile.TemporaryDirectory() as room, over_a_week(Path(room)) as (console, ids), chromium() as browser:
        paths = {name: path for name, path in pages_to_see(ids).items() if TABLE[name].reach != "open" and "export" not in name}
        paths["find.go"] = "/find?q=101"
        console.person("ana", "admin")
        for label, size, scheme in SHOTS:
            with looking(browser, console.url, size, color_scheme=scheme, timezone_id="America/Denver") as looked:
                for name, path in paths.items():
                    with writing(console.engine) as db:
                        world.alive(db)
                    looked.page.goto(path)
                    looked.page.screenshot(path=folder / f"{name}-{label}.png", full_page=True)
                    made += 1
    sys.stdout.write(f"{made} screenshots in {folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path("build/screenshots")))
