"""Whether a holder of a quota has ended is told for processes of this machine only, and never of one that lives."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

from workers.quota_holders import has_ended, name_here

HOST = socket.gethostname()


def ended_pid() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_this_process_lives_and_each_of_its_names_is_its_own() -> None:
    assert not has_ended(name_here())
    assert name_here() != name_here()


def test_a_process_that_is_gone_has_ended() -> None:
    assert has_ended(f"{HOST}/{ended_pid()}/123/aa")


def test_a_number_that_another_process_has_now_is_no_sign_of_life() -> None:
    assert has_ended(f"{HOST}/{os.getpid()}/1/aa")


def test_of_other_machines_and_of_names_that_tell_nothing_nobody_knows() -> None:
    gone = ended_pid()
    assert not any(map(has_ended, (f"elsewhere/{gone}/123/aa", f"{HOST}/{gone}//aa", "4f0c2b", "", f"{HOST}/x/1/aa")))


def test_a_child_that_nobody_has_waited_for_has_ended() -> None:
    process = subprocess.Popen(["sleep", "60"])
    started = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
    name = f"{HOST}/{process.pid}/{started}/aa"
    assert not has_ended(name)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert has_ended(name)
    process.wait()
