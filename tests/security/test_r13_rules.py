"""R12, R13, R14: an expression reaches only the values it was given, no action runs code, no pattern takes for ever."""

from __future__ import annotations

import pytest

from automations.expressions import check
from automations.fields import TEXT, a_map
from config import modules

SCOPE = a_map(None, record=a_map("RFIs", title=TEXT))


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*a){20}$", "(a*)*b"])
def test_a_pattern_that_backtracks_elsewhere_is_linear_here(pattern: str) -> None:
    # A machine that backtracks would need longer than the age of the world for this text.
    expression, findings = check(f"record.title.matches('{pattern}')", SCOPE)
    assert expression is not None, findings
    assert expression.evaluate({"record": {"title": "a" * 20_000 + "!"}}) is False


@pytest.mark.parametrize(
    "text",
    [
        "record.__class__", "''.__class__.__mro__", "__import__('os')", "record.title.format(record)", "open('/etc/passwd')",
        "env.HOME", "secrets.acme", "connector.client_secret", "settings.secret_keys", "eval('1')",
    ],
)  # fmt: skip
def test_an_expression_reaches_nothing_but_its_values(text: str) -> None:
    expression, findings = check(text, SCOPE)
    assert expression is None
    assert findings


def test_no_action_runs_code_or_sql() -> None:
    words = set(modules.names("automations.actions"))
    assert "http_call" in words
    assert not {word for word in words if word.partition("_")[0] in ("shell", "exec", "script", "python", "sql", "git", "eval")}
