"""Whatever is asked of the API, it answers as its document says. schemathesis thinks of what to ask, the same each time.

The console stands on a socket over a week of work; each scope asks every operation with what fits and with what does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import SkipTest

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import booleans
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from console.api.openapi import document
from store import apitokens
from store.session import writing
from tests.console.web import world
from tests.console.web.served import Served, over_a_week

SCOPES = {
    "read": ["read"], "operate": ["operate"], "admin": ["admin"], "one company": ["admin", f"company:{world.OTHER}"],
    "metrics": ["metrics"], "nobody": None,
}  # fmt: skip
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance, unsupported_method, ignored_auth,
]  # fmt: skip
HOW: dict[str, Any] = {
    "derandomize": True, "database": None, "deadline": None, "phases": [Phase.explicit, Phase.generate],
    "suppress_health_check": list(HealthCheck),
}  # fmt: skip
EXAMPLES = {"admin": 10, "operate": 3, "read": 2, "one company": 3, "metrics": 1, "nobody": 1}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, dict[str, Any]]]:
    """A console of its own, since what is asked of it changes it, and ids that exist."""
    with over_a_week(tmp_path_factory.mktemp("contract")) as found:
        yield found


@pytest.fixture(scope="module")
def tokens(filled: tuple[Served, dict[str, Any]]) -> dict[str, str | None]:
    """A token for each set of scopes."""
    with writing(filled[0].engine) as db:
        return {name: apitokens.add(db, f"t-{name}", scopes) if scopes else None for name, scopes in SCOPES.items()}


@pytest.fixture(scope="module")
def contract(filled: tuple[Served, dict[str, Any]]) -> Any:
    """The document as the console serves it."""
    return schemathesis.openapi.from_url(f"{filled[0].url}/api/v1/openapi.json")


# What these do is done at Procore, which is not here: the answer to a name that nobody has is all that is asked for.
GO_OUT = ("/validate", "/update", "/rotate")


def there(ids: dict[str, Any], path: str) -> dict[str, Any]:
    """The parameters of a path that lead to something."""
    what = path.removeprefix("/api/v1/").partition("/")[0]
    id = {"runs": ids["failed"], "events": ids["event"], "effects": ids["uncertain"]}.get(what, 1)
    name = {"connectors": "acme-prod", "automations": "rfi-to-database", "workers": "w1"}.get(what, "")
    if what == "schedules":
        name = "rfi-to-database/nightly/America/Denver"
    if path.endswith(GO_OUT):
        name = "nobody"
    known = {"id": id, "name": name, "lane": "manual", "version": "in-force"}
    return {one: value for one, value in known.items() if f"{{{one}}}" in path}


OPERATIONS = [(path, method.upper()) for path, methods in document()["paths"].items() for method in methods]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_one_that_the_document_names(
    contract: Any, filled: tuple[Served, dict[str, Any]], tokens: dict[str, str | None], path: str, method: str, scope: str
) -> None:
    headers = {"Authorization": f"Bearer {tokens[scope]}"} if tokens[scope] else {}
    operation = contract[path][method]

    real = there(filled[1], path)

    def ask(case: Any, exists: bool) -> None:
        if exists and real:
            case.path_parameters = dict(real)
        case.call_and_validate(headers=headers, checks=CHECKS, timeout=20)

    for mode in GenerationMode:
        try:
            cases = operation.as_strategy(generation_mode=mode)
            settings(**HOW, max_examples=EXAMPLES[scope])(given(case=cases, exists=booleans())(ask))()
        except (SkipTest, Unsatisfiable):
            assert mode is GenerationMode.NEGATIVE, "nothing fits this operation"
