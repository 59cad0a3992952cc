"""Who is turned away, and that the refusal tells nothing."""

from __future__ import annotations

import logging

import pytest

from tests.webhook.door import SECRET, Answer, Door, body, open_door, request, together
from webhook import auth
from webhook.serve import MAX_BODY

UNKNOWN = "/webhooks/" + "k" * 43


def _without_date(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    return answer.status, {name: value for name, value in answer.headers.items() if name != "date"}, answer.body


def test_an_unknown_key_and_a_wrong_secret_get_the_same_answer(door: Door) -> None:
    answers = [
        door.post(body(), path=UNKNOWN),
        door.post(body(), {"Authorization": "wrong"}),
        door.post(body(), {"Authorization": None}),
        door.post(body(), {"Authorization": SECRET[:-1]}),
        door.post(body(), {"Authorization": SECRET + ", " + SECRET}),
        door.post(body(), {"Authorization": "\u00e9" * 40}),
    ]
    assert answers[0].status == 401
    assert all(_without_date(answer) == _without_date(answers[0]) for answer in answers)
    assert door.kept() == []


@pytest.mark.parametrize("payload", [b"x" * MAX_BODY, b"x" * (MAX_BODY - 1), b"x"])
def test_a_body_of_any_size_tells_nothing_about_the_key(door: Door, payload: bytes) -> None:
    wrong: dict[str, str | None] = {"Authorization": "wrong"}
    assert _without_date(door.post(payload, wrong)) == _without_date(door.post(payload, wrong, path=UNKNOWN))


def test_the_path_of_an_unknown_key_compares_as_often_as_that_of_a_known_one() -> None:
    assert len(auth.NOBODY) == len(auth.digests(())) == auth.COMPARED
    assert not auth.matches("", auth.NOBODY)


def test_a_secret_in_the_url_is_not_taken(door: Door) -> None:
    for path in (
        f"/webhooks/{door.key}?token={SECRET[-20:]}",
        f"/webhooks/{door.key}?Authorization=x",
        f"/webhooks/{door.key}/x",
    ):
        assert door.send(request("POST", path, body(), {"Authorization": None})).status in (401, 404)
    assert door.kept() == []


def test_a_hook_without_a_secret_lets_nobody_in(door: Door) -> None:
    assert auth.matches("", auth.digests(())) is False


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_only_post_is_known_to_a_hook_whatever_its_key(door: Door, method: str) -> None:
    for path in (f"/webhooks/{door.key}", UNKNOWN):
        with door.connect() as sock:
            sock.sendall(request(method, path))
            assert sock.recv(12) == b"HTTP/1.1 404"
    assert door.kept() == []


@pytest.mark.parametrize(
    "path", ["/", "/webhooks", "/webhooks/", "/metrics", "/api/v1/openapi.json", "/..%2f", "//webhooks//x", "/%00"]
)
def test_everything_else_is_a_short_404(door: Door, path: str) -> None:
    answer = door.post(body(), path=path)
    assert (answer.status, answer.body) == (404, b"not found\n")


def test_no_answer_names_the_server_or_its_parts(door: Door) -> None:
    for answer in (door.post(body()), door.post(b"", path="/"), door.send(b"nonsense\r\n\r\n")):
        assert "server" not in answer.headers
        assert not [word for word in (b"uvicorn", b"Traceback", b"Werkzeug", b'File "') if word in answer.body]


def test_a_flood_of_forged_deliveries_makes_one_line_in_the_log(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    # Given a hundred forged deliveries, one with a key that would write a line of its own
    with caplog.at_level(logging.WARNING):
        door.post(body(), path="/webhooks/%0d%0a%1b[31m")
        together(4, lambda n: door.post(body(id=str(n)), {"Authorization": "forged"}).status, range(100))
    # Then the operator is told once, in printable signs
    lines = [record for record in caplog.records if record.getMessage() == "door.refused"]
    assert len(lines) == 1
    fields = vars(lines[0])["tieback"]
    assert fields["key_begins"] == "'\\r\\n\\x1b[31\u2026'".replace("\u2026", "\\u2026")
    assert fields["peer"] == "127.0.0.1"


def test_a_flood_of_forged_deliveries_does_not_stop_genuine_ones(door: Door) -> None:
    def send(n: int) -> int:
        return door.post(body(id=str(n)), {"Authorization": "forged"} if n % 10 else {}).status

    statuses = together(8, send, range(500))
    assert (statuses.count(204), statuses.count(401)) == (50, 450)


def test_a_forwarded_address_is_not_believed_without_a_proxy(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        door.post(body(), {"Authorization": "forged", "X-Forwarded-For": "203.0.113.9"})
    assert [vars(r)["tieback"]["peer"] for r in caplog.records if r.getMessage() == "door.refused"] == ["127.0.0.1"]


def test_a_forwarded_address_is_believed_behind_a_proxy(
    tmp_path: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
) -> None:
    door = open_door(tmp_path, env={"TIEBACK_BEHIND_PROXY": "1"})  # type: ignore[arg-type]
    try:
        with caplog.at_level(logging.WARNING):
            door.post(body(), {"Authorization": "forged", "X-Forwarded-For": "203.0.113.9"})
    finally:
        door.stop()
    assert [vars(r)["tieback"]["peer"] for r in caplog.records if r.getMessage() == "door.refused"] == ["203.0.113.9"]
