"""The core state machine: its files, the tests that must notice whatever is wrong with them, and how that is measured."""

from __future__ import annotations

CORE = ("store/leases.py", "store/fetches.py", "workers/relay.py", "workers/keeper.py", "automations/effects.py")
# Of these every branch is taken by a test.
WHOLE = ("workers/relay.py", "workers/keeper.py", "automations/effects.py")
TESTS = (
    "tests/automations/test_effects.py",
    "tests/store/test_fetches.py",
    "tests/store/test_gathering.py",
    "tests/store/test_lanes.py",
    "tests/store/test_lease_rows.py",
    "tests/store/test_leases.py",
    "tests/workers/test_keeper.py",
    "tests/workers/test_relay.py",
    "tests/workers/test_relay_passes.py",
)
