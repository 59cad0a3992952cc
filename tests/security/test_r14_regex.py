"""R14: a pattern of a rule is linear in its text, or refused when the rule is loaded."""

from __future__ import annotations

import pytest

from automations.expressions import check
from automations.fields import TEXT, a_map

SCOPE = a_map(None, record=a_map("RFIs", title=TEXT))


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(a|aa)+$", "([a-z]+)*$", "(.*){10}b", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_what_explodes_elsewhere_is_linear(pattern: str) -> None:
    # A machine that backtracks would need longer than the age of the world for this text
    expression, findings = check(f"record.title.matches(r'{pattern}')", SCOPE)
    assert expression is not None, findings
    assert expression.evaluate({"record": {"title": "a" * 50_000 + "!"}}) in (True, False)


@pytest.mark.parametrize("pattern", ["(?=a)", "(?<=a)b", "(a)\\\\1", "(a", "[z-a]", "a{2000}", "(((a{100}){100}){100})", "*a"])
def test_a_pattern_that_cannot_be_run_is_refused_at_load(pattern: str) -> None:
    expression, findings = check(f"record.title.matches('{pattern}')", SCOPE)
    assert expression is None
    assert [one.code for one in findings] == ["TB218"]


def test_a_pattern_from_a_record_that_is_none_is_an_error_and_never_false() -> None:
    from config.errors import Permanent

    expression, _ = check("'x'.matches(record.title)", SCOPE)
    assert expression is not None
    with pytest.raises(Permanent):
        expression.evaluate({"record": {"title": "(a"}})
