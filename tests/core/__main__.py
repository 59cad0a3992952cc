"""Measure the tests of the core: which branches they take, and which small mistakes they notice.

`python -m tests.core` runs the tests once and tells the branches; with `--share 1` it then plants one mistake after the
other and runs the tests that come by it, the quickest first; with `--share 0.3` three of ten, chosen by the seed. Ends with
code 1 when a branch of `WHOLE` is not taken or fewer mistakes than `--goal` are noticed.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import io
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import coverage
import pytest

from tests import services
from tests.core import CORE, TESTS, WHOLE
from tests.core.mutants import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
EQUIVALENT = Path(__file__).with_name("equivalent.txt")
# The machines look for what they find at random: what they notice today they may not notice tomorrow.
OPTIONS = ["-q", "-x", "--no-header", "--assert=plain", "-k", "not machine", "--timeout=40"]
MOST_S = 300.0


def main() -> int:
    say = argparse.ArgumentParser(prog="python -m tests.core", description=__doc__)
    say.add_argument("--share", type=float, default=0.0, help="so much of all mistakes is planted, 1 for all")
    say.add_argument("--seed", type=int, default=1)
    say.add_argument("--only", default="", help="plant only what has this in its name")
    say.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="so many are planted side by side")
    say.add_argument("--goal", type=float, default=85.0, help="so many per cent are to be noticed")
    asked = say.parse_args()
    signal.signal(signal.SIGTERM, lambda *about: sys.exit(143))  # so that the server ends, too
    with tempfile.TemporaryDirectory() as folder, services.postgresql() as server:
        lab = Lab(Path(folder), server)
        whole = lab.measure()
        return 0 if whole and (not asked.share or lab.plant(asked)) else 1


class Lab:
    """Children that are forked once everything is loaded, so that a run costs little more than its tests."""

    def __init__(self, folder: Path, server: services.Server):
        self._folder, self._server = folder, server
        self._template = folder / "migrated.db"
        self._took: dict[str, float] = {}
        self._visits: dict[str, dict[str, list[str]]] = {}

    def measure(self) -> bool:
        """Run the tests once; tells the branches. False when one of `WHOLE` lacks any."""
        _in_a_child(lambda: _migrate(self._template))
        told = self._folder / "told"
        code = _in_a_child(lambda: self._measured(told), quiet=False)
        if code != 0:
            raise SystemExit(f"the tests fail without any mistake planted (pytest ended with {code}). Mend them first.")
        result = json.loads(told.read_text("utf-8"))
        self._took, self._visits = result["took"], result["visits"]
        _load_tests()
        _say(result["report"])
        return all(result["per_cent"][path] == 100 for path in WHOLE)

    def _measured(self, told: Path) -> int:
        cover = coverage.Coverage(
            branch=True, include=[str(ROOT / path) for path in CORE], data_file=str(self._folder / "coverage")
        )
        cover.start()
        watch = _Watch(cover)
        self._furnish()
        code = int(pytest.main([*OPTIONS, *TESTS], plugins=[watch]))
        cover.stop()
        report, data = io.StringIO(), cover.get_data()
        cover.report(file=report, show_missing=True)
        per_cent = {path: cover.report(include=[str(ROOT / path)], file=io.StringIO()) for path in CORE}
        visits = {path: data.contexts_by_lineno(str(ROOT / path)) for path in CORE}
        told.write_text(json.dumps({"took": watch.took, "visits": visits, "per_cent": per_cent, "report": report.getvalue()}))
        return code

    def plant(self, asked: argparse.Namespace) -> bool:
        """Plant one mistake after the other; False when fewer than the goal are noticed."""
        equivalent = _equivalent()
        made = {f"{path} {one.name}" for path in CORE for one in mutants_of((ROOT / path).read_text("utf-8"))}
        for name in sorted(equivalent - made):
            _say(f"is listed as equivalent and is no mistake that is planted: {name}")
        counts = {path: {"noticed": 0, "missed": 0, "equivalent": 0} for path in CORE}
        for path, one, noticed in self._planted(self._chosen(asked), asked.jobs):
            name = f"{path} {one.name}"
            if noticed and name in equivalent:
                _say(f"is listed as equivalent and was noticed: {name}")
            end = "noticed" if noticed else "equivalent" if name in equivalent else "missed"
            counts[path][end] += 1
            if end == "missed":
                _say(f"missed: {name}")
        return _tell(counts) >= asked.goal

    def _chosen(self, asked: argparse.Namespace) -> list[tuple[str, Mutant]]:
        """So many of all, in an order that the seed decides."""
        every = [(path, one) for path in CORE for one in mutants_of((ROOT / path).read_text("utf-8"))]
        fit = [(path, one) for path, one in every if asked.only in f"{path} {one.name}"]
        random.Random(asked.seed).shuffle(fit)
        return fit[: round(asked.share * len(fit))]

    def _planted(self, chosen: list[tuple[str, Mutant]], jobs: int) -> Iterator[tuple[str, Mutant, bool]]:
        """Each with whether it was noticed, in their order; so many are planted side by side."""
        global lab
        lab = self
        forks = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(jobs, forks, signal.signal, (signal.SIGTERM, signal.SIG_DFL)) as pool:
            for (path, one), noticed in zip(chosen, pool.map(_noticed, chosen), strict=True):
                yield path, one, noticed

    def notices(self, path: str, mutant: Mutant) -> bool:
        visits = self._visits[path]
        lines = list(visits) if mutant.lines is None else [str(line) for line in mutant.lines]
        tests = {test for line in lines for test in visits.get(line, []) if test}
        order = sorted(tests, key=lambda test: ("postgresql" in test, self._took[test]))
        return bool(order) and _in_a_child(lambda: self._run(path, mutant, order)) != 0

    def _run(self, path: str, mutant: Mutant, tests: list[str]) -> int:
        _put(path, mutant)
        self._furnish()
        return int(pytest.main([*OPTIONS, *tests]))

    def _furnish(self) -> None:
        """One server for all children, and a store that none of them has to migrate."""
        from tests import stores

        @contextmanager
        def started(*about: Any, **more: Any) -> Iterator[services.Server]:
            yield self._server

        services.postgresql = started
        stores.sqlite_schema = self._template.read_bytes()


lab: Lab  # which every process that plants has from its parent, with all that is loaded


def _noticed(planted: tuple[str, Mutant]) -> bool:
    return lab.notices(*planted)


class _Watch:
    """Which test came by which line, also in threads, and how long each took."""

    def __init__(self, cover: coverage.Coverage):
        self._cover = cover
        self.took: dict[str, float] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """What a test says on SQLite it says again on PostgreSQL: here only those count that SQLite cannot run."""
        known = {item.nodeid for item in items}
        items[:] = [item for item in items if item.nodeid.replace("postgresql", "sqlite") not in known - {item.nodeid}]

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        _forget()
        self._cover.switch_context(item.nodeid)
        began = time.monotonic()
        yield
        self.took[item.nodeid] = time.monotonic() - began
        self._cover.switch_context("")


def _forget() -> None:
    """What is built once is built again for each test, so that every one of them comes by its lines."""
    for path in CORE:
        for one in vars(importlib.import_module(_module(path))).values():
            if hasattr(one, "cache_clear"):
                one.cache_clear()


def _migrate(template: Path) -> int:
    from config.settings import load
    from store.session import open_engine
    from tests import stores

    engine = open_engine(load({"TIEBACK_DATABASE_URL": f"sqlite:///{template}.made"}, template.parent))
    stores.furnish(engine)
    engine.dispose()
    template.write_bytes(stores.sqlite_schema)
    return 0


def _load_tests() -> None:
    for path in TESTS:
        importlib.import_module(_module(path))


def _module(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


def _put(path: str, mutant: Mutant) -> None:
    """Give a function the mutant's code. What is carried out at the import needs everything of ours imported anew."""
    name = _module(path)
    made = compile(mutant.source, path, "exec")
    if mutant.lines is not None:
        function = sys.modules[name]
        for part in mutant.function.split("."):
            function = getattr(function, part)
        inspect.unwrap(function).__code__ = _code(made, mutant.function)  # type: ignore[arg-type, attr-defined]
        return
    ours = {entry.name for entry in ROOT.iterdir()}
    kept = ("tests", "tests.core", "tests.services")
    for known in [one for one in sys.modules if one.partition(".")[0] in ours and one not in kept]:
        del sys.modules[known]
    module = types.ModuleType(name)
    module.__file__ = str(ROOT / path)
    sys.modules[name] = module
    folder, _, stem = name.partition(".")
    setattr(importlib.import_module(folder), stem, module)
    exec(made, module.__dict__)


def _code(within: types.CodeType, name: str) -> types.CodeType:
    """The code of a function, by its name with its class."""
    for one in within.co_consts:
        if isinstance(one, types.CodeType):
            if one.co_qualname == name:  # type: ignore[attr-defined, unused-ignore]
                return one
            if name.startswith(f"{one.co_qualname}."):
                return _code(one, name)
    raise AssertionError(f"there is no function {name}")


def _in_a_child(work: Callable[[], int], *, quiet: bool = True) -> int:
    """The code that the work ends with; whatever it raises is 3, and one that does not end is ended and 4."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = 3
        try:
            os.setpgid(0, 0)
            if quiet:
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, 1)
                os.dup2(null, 2)
            code = work()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    end = time.monotonic() + MOST_S
    while quiet and time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    if quiet:
        os.killpg(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    return 4 if quiet else os.waitstatus_to_exitcode(status)


def _equivalent() -> set[str]:
    """The names in equivalent.txt: each on a line of its own; its reason follows, indented."""
    return {line for line in EQUIVALENT.read_text("utf-8").splitlines() if line and not line.startswith((" ", "#"))}


def _tell(counts: dict[str, dict[str, int]]) -> float:
    """The table; returns the last number of it."""
    total = {name: sum(one[name] for one in counts.values()) for name in ("noticed", "missed", "equivalent")}
    _say("| file | planted | noticed | missed | equivalent | of all | without equivalent |\n|---|---|---|---|---|---|---|")
    score = 0.0
    for path, one in [*counts.items(), ("all", total)]:
        planted, real = sum(one.values()), one["noticed"] + one["missed"]
        raw, score = (100 * one["noticed"] / max(1, of) for of in (planted, real))
        _say(f"| {path} | {planted} | {' | '.join(str(many) for many in one.values())} | {raw:.1f} % | {score:.1f} % |")
    return score


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
