from __future__ import annotations

import signal
import socket
import subprocess
import sys

import pytest
import requests


def command(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "simulator", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_ends_quietly_on_a_signal(number: signal.Signals):
    with command("--port", "0", "--client-id", "me", "--client-secret", "mine") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.removeprefix("simulator listening on ").strip()
        assert line == f"simulator listening on {url}\n"
        state = requests.get(url + "/_sim/state", timeout=5).json()
        assert (state["client_id"], state["client_secret"]) == ("me", "mine")

        process.send_signal(number)
        assert process.communicate(timeout=5) == ("", "")
        assert process.returncode == 0


def test_a_port_in_use_is_one_sentence_that_says_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with command("--port", str(port)) as process:
            out, err = process.communicate(timeout=10)

    assert (process.returncode, out) == (2, "")
    assert err == f"Port {port} is not free: stop what uses it, or choose another with --port.\n"


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--time-scale", "fast", "give a number above 0, not 'fast'"),
        ("--time-scale", "0", "give a number above 0, not '0'"),
        ("--spike", "0", "give a whole number of calls, 1 or more, not '0'"),
        ("--hourly", "many", "give a whole number of calls, 1 or more, not 'many'"),
        ("--port", "70000", "give a port from 0 to 65535, not '70000'"),
    ],
)
def test_a_wrong_option_is_told_with_what_to_give(option: str, value: str, said: str):
    with command(option, value) as process:
        out, err = process.communicate(timeout=10)

    assert (process.returncode, out) == (2, "")
    assert f"argument {option}: {said}" in err
