import json

import pytest

from connectors.remarks import LONGEST, plain, remark


@pytest.mark.parametrize(
    "body,said",
    [
        ({"errors": "Unauthorized"}, "Unauthorized"),
        ({"errors": ["App is not connected to this company."]}, "App is not connected to this company."),
        ({"errors": {"title": ["can't be blank"], "base": ["is closed"]}}, "title can't be blank; is closed"),
        ({"message": "Not today"}, "Not today"),
        ({"error": "invalid_client", "error_description": "Unknown client."}, "invalid_client; Unknown client."),
        ({"code": 400, "message": "Bad Request", "fields": {}}, "Bad Request"),
        ({"reason": "tool off", "error": "Forbidden"}, "Forbidden; tool off"),
        (
            {
                "error": {
                    "code": "NOT_FOUND",
                    "message": "Not Found",
                    "details": [{"reason_code": "X", "message": "no such hook", "source": "id"}],
                }
            },
            "Not Found; no such hook",
        ),
        ({"errors": {"base": ["File name taken"]}, "error_type": "name", "file": {"id": 1}}, "File name taken"),
    ],
)
def test_every_error_shape_of_procore_becomes_one_line(body: object, said: str) -> None:
    assert remark(json.dumps(body).encode()) == said


def test_prose_is_kept_and_html_is_not() -> None:
    assert (
        remark(b"You have surpassed the max number of requests.", "text/plain")
        == "You have surpassed the max number of requests."
    )
    assert remark(b"<html><h1>502 Bad Gateway</h1></html>", "text/html") == ""
    assert remark(b"") == ""


def test_what_could_forge_or_flip_a_log_line_is_taken_out() -> None:
    assert plain('a\r\n{"level":"ok"}\x1b[31m\u202eb') == 'a {"level":"ok"} [31m b'


def test_a_long_remark_is_cut() -> None:
    assert len(remark(json.dumps({"message": "x" * 5000}).encode())) == LONGEST


def test_a_remark_nested_without_end_is_no_crash() -> None:
    assert remark(b'{"errors":' * 20_000) != "x"
