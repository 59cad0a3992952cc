"""limits: api_share: an automation stops where the part that is left to others begins."""

from __future__ import annotations

import pytest

from config.errors import Transient
from connectors.governor import MemoryQuota
from connectors.quota import Answer
from connectors.sharing import Share


def used(quota: MemoryQuota, left: int) -> None:
    with quota.call("acme", "webhook") as told:
        told(Answer(limit=600, remaining=left, reset_s=1800.0))


def test_it_lends_calls_while_more_than_the_rest_is_left() -> None:
    quota = MemoryQuota()
    used(quota, 400)
    with Share(quota, 0.6).call("acme", "backfill"):
        pass


def test_it_lends_none_of_the_rest_and_says_until_when() -> None:
    quota = MemoryQuota()
    used(quota, 240)
    with (
        pytest.raises(Transient, match=r"may use 60% of an hour's calls .* 240 of 600 are left") as raised,
        Share(quota, 0.6).call("acme", "backfill"),
    ):
        pass
    assert raised.value.kind == "quota"
    assert 0 < (raised.value.retry_after_s or 0) <= 1800
    # Others go on
    used(quota, 239)
