"""`make screenshots`: every page at desktop and phone width, light and dark, into build/screenshots."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from config.secrets import Box
from config.settings import load
from console.access import TABLE
from store import migrate
from store.session import open_engine, writing
from tests.conftest import KEY
from tests.console.web import world
from tests.console.web.browser import DESKTOP, PHONE, chromium, looking
from tests.console.web.served import served

SHOTS = (("desktop", DESKTOP, "light"), ("desktop-dark", DESKTOP, "dark"), ("phone", PHONE, "light"))


def main(folder: Path) -> int:
    """How many were made is said at the end."""
    from tests.security.test_r30_pages import pages_to_see

    folder.mkdir(parents=True, exist_ok=True)
    made = 0
    with tempfile.TemporaryDirectory() as room:
        (Path(room) / "site").mkdir()
        settings = load({"TIEBACK_SECRET_KEYS": KEY, "TIEBACK_SITE": f"{room}/site"}, Path(room))
        engine = open_engine(settings)
        migrate.upgrade(engine)
        ids = world.fill(engine, Box(settings.secret_keys))
        paths = {name: path for name, path in pages_to_see(ids).items() if TABLE[name].reach != "open" and "export" not in name}
        paths["find.go"] = "/find?q=101"
        with served(settings, engine) as console, chromium() as browser:
            console.person("ana", "admin")
            for label, size, scheme in SHOTS:
                with looking(browser, console.url, size, color_scheme=scheme, timezone_id="America/Denver") as looked:
                    for name, path in paths.items():
                        with writing(engine) as db:
                            world.alive(db)
                        looked.page.goto(path)
                        looked.page.screenshot(path=folder / f"{name}-{label}.png", full_page=True)
                        made += 1
        engine.dispose()
    sys.stdout.write(f"{made} screenshots in {folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path("build/screenshots")))
