"""deploy/: what is handed to operators is safe by itself, fits the program, and asks only for what exists."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest

from console.cli import tieback
from console.serving import DOOR
from console.verbs.measuring import TABLE
from tests.house.deployed import (
    DEPLOY,
    OURS,
    ROOT,
    alerts,
    compose,
    directives,
    entrypoint,
    expressions,
    image_env,
    instructions,
    log_events,
    units,
)
from webhook import procore, serve

SERVICES = compose()["services"]


def command(words: list[str]) -> click.Command:
    """The command that these words call. Fails when there is none, or when an option is not known."""
    found: click.Command = tieback
    context = click.Context(found)
    words = list(words)
    while isinstance(found, click.Group):
        child = found.get_command(context, words[0])
        assert child is not None, f"tieback {' '.join(words)}"
        found, context, words = child, click.Context(child, parent=context), words[1:]
    spelled = {name for one in found.params for name in one.opts} | {"--help"}
    assert {word for word in words if word.startswith("--")} <= spelled, words
    return found


# Compose


def test_every_process_of_ours_and_what_it_needs_is_a_service() -> None:
    assert set(SERVICES) == {*OURS, "proxy", "postgres", "redis"}


def test_only_the_proxy_is_reachable_and_the_console_from_this_machine_alone() -> None:
    assert [name for name, one in SERVICES.items() if "ports" in one] == ["proxy"]
    published = SERVICES["proxy"]["ports"]
    console = re.search(r"listen (\d+) ssl;[^}]*?location / \{ proxy_pass http://console", _nginx())
    assert console is not None
    assert [port for port in published if not port.startswith("127.0.0.1:")] == ["443:4430", "80:8080"]
    assert f"127.0.0.1:{console[1]}:{console[1]}" in published


def test_the_store_and_the_broker_are_on_no_network_that_leads_out() -> None:
    networks = compose()["networks"]
    for name in ("postgres", "redis", "migrate", "relay", "web"):
        assert all(networks[one].get("internal") for one in SERVICES[name]["networks"]), name


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_bounded_restarted_and_looked_after(name: str) -> None:
    one = SERVICES[name]
    assert {"mem_limit", "pids_limit", "restart", "logging"} <= set(one)
    assert one["restart"] == ("no" if name == "migrate" else "unless-stopped")
    assert "ALL" in one["cap_drop"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one.get("read_only", name == "postgres") is True
    assert "test" in one["healthcheck"] or name == "migrate"
    assert not one.get("privileged")


@pytest.mark.parametrize("name", OURS)
def test_what_a_service_of_ours_runs_exists(name: str) -> None:
    one = SERVICES[name]
    command(one["command"])
    assert one["user"] == instructions("USER")[-1] == "10001:10001"
    if name != "migrate":
        assert one["healthcheck"]["test"][1:] == ["python", "-m", "console.alive", name]
        assert one["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_no_secret_stands_in_the_file_itself() -> None:
    whole = compose()
    assert all(set(one) == {"file"} for one in whole["secrets"].values())
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            secret = re.search(r"PASSWORD|SECRET|KEY|URL", variable) and variable != "TIEBACK_PUBLIC_URL"
            assert not secret or (variable.endswith("_FILE") and value.startswith("/run/secrets/")), (name, variable)
            assert not secret or value.removeprefix("/run/secrets/") in service["secrets"]


def test_secrets_are_made_once_each_its_own_and_hidden_from_other_users(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "make-secrets", tmp_path)
    runs = [subprocess.run([tmp_path / "make-secrets"], capture_output=True, text=True, check=True) for _ in range(2)]
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    needed = {Path(one["file"]).name for one in compose()["secrets"].values()}
    assert needed - set(made) == {"tls_certificate", "tls_key"}
    assert runs[0].stdout.count("made ") == len(made)
    assert runs[1].stdout.count("made ") == 0
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert made["database_password"] in made["database_url"]
    assert made["redis_password"] not in made["redis_acl"]
    assert len({made["database_password"], made["redis_password"], made["secret_keys"]}) == 3
    assert not any(value in run.stdout for run in runs for value in made.values())


def test_a_ring_is_never_evicted_and_nobody_without_a_password_has_a_user() -> None:
    lines = (DEPLOY / "redis.conf").read_text("utf-8").splitlines()
    assert {"maxmemory-policy noeviction", "appendonly yes", "appendfsync everysec", "aclfile /run/secrets/redis_acl"} <= set(
        lines
    )
    assert "user default off" in (DEPLOY / "make-secrets").read_text("utf-8")


# The image


def test_the_image_holds_every_package_of_ours_from_the_lock_with_hashes() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    copied = {line.split()[0] for line in instructions("COPY") if not line.startswith("--from")}
    assert {name.split(".")[0] for name in listed} <= copied
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {f"!{name}" for line in instructions("COPY") if "--from" not in line for name in line.split()[:-1]} <= set(ignored)
    assert ignored[1] == "*"
    assert any("--require-hashes --only-binary :all: -r requirements.txt" in line for line in instructions("RUN"))


def test_the_image_compiles_nothing_and_keeps_no_installer() -> None:
    whole = (DEPLOY / "Containerfile").read_text("utf-8")
    assert re.search(r"gcc|build-essential|apt-get", whole) is None
    assert "pip uninstall --yes pip" in instructions("RUN")[-1]
    assert all("slim" in line for line in instructions("FROM"))


def test_every_foreign_image_is_named_with_its_registry_and_version() -> None:
    named = {one["image"] for one in SERVICES.values()} - {compose()["x-tieback"]["image"]}
    for image in (*named, *(line.split(" AS ")[0] for line in instructions("FROM"))):
        assert re.fullmatch(r"docker\.io/[\w-]+/[\w-]+:\d+(\.\d+)*-[\w-]+", image), image


def test_the_image_starts_as_no_root_shuts_its_files_and_says_how_it_is() -> None:
    assert instructions("USER") == ["10001:10001"]
    assert entrypoint() == ["/bin/sh", "-c", 'umask 077; exec tieback "$@"', "tieback"]
    assert "console.alive" in instructions("HEALTHCHECK")[0]
    known = {one.split("=")[0] for one in image_env()}
    assert {"TIEBACK_SITE", "TIEBACK_FILES_ROOT"} <= known
    volumes = instructions("VOLUME")[0]
    assert image_env()["TIEBACK_FILES_ROOT"] in volumes
    assert f"{instructions('WORKDIR')[-1]}/var" in volumes


# systemd


_HARD = """
NoNewPrivileges=yes CapabilityBoundingSet= AmbientCapabilities= ProtectSystem=strict ProtectHome=yes PrivateTmp=yes
PrivateDevices=yes PrivateUsers=yes ProtectKernelTunables=yes ProtectKernelModules=yes ProtectControlGroups=yes
RestrictNamespaces=yes RestrictSUIDSGID=yes LockPersonality=yes MemoryDenyWriteExecute=yes
SystemCallArchitectures=native StateDirectoryMode=0700 UMask=0077 User=tieback Restart=always
"""
HARD = {name: value for name, _, value in (one.partition("=") for one in _HARD.split())}


@pytest.mark.parametrize("unit", units(), ids=lambda unit: unit.stem)
def test_a_unit_may_do_little_and_gets_its_secrets_as_credentials(unit: Path) -> None:
    found = directives(unit)
    assert {name: found.get(name) for name in HARD} == {name: [value] for name, value in HARD.items()}
    assert {"MemoryMax", "TasksMax", "StateDirectory"} <= set(found)
    assert found["SystemCallFilter"][0] == "@system-service"
    loaded = {one.split(":")[0] for one in found["LoadCredential"]}
    given = {one.rsplit("/", 1)[1] for one in found["Environment"] if "_FILE=%d/" in one}
    assert loaded == given == {"database_url", "broker_url", "secret_keys"}
    assert int(found["TimeoutStopSec"][0]) > 30  # the supervisor gives its children so long
    (start,) = found["ExecStart"]
    command(start.removeprefix("/opt/tieback/.venv/bin/tieback ").split())


def test_every_role_has_its_unit() -> None:
    assert [unit.stem for unit in units()] == ["tieback-console", "tieback-relay", "tieback-web", "tieback-worker@"]


@pytest.mark.parametrize("unit", units(), ids=lambda unit: unit.stem)
def test_systemd_itself_counts_little_exposure(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian: apt install systemd); the directives are tested without it")
    copy = tmp_path / unit.name.replace("@", "@1")
    shutil.copy(unit, copy)
    # Without the manager of a user or of the system: only the file counts.
    env = {**os.environ, "SYSTEMD_COLORS": "0", "SYSTEMD_LOG_LEVEL": "err", "LC_ALL": "C.UTF-8"}
    words = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", str(copy)]
    done = subprocess.run(words, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-500:]
    score = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert score is not None
    assert float(score[1]) <= 2.0


# The proxy


def _nginx() -> str:
    return (DEPLOY / "nginx.conf").read_text("utf-8")


def _bytes(name: str) -> int:
    found = re.search(rf"^\s*{name} (\d+)k;", _nginx(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def test_the_proxy_hands_on_what_the_door_must_answer_itself() -> None:
    assert procore.MAX_BODY < _bytes("client_max_body_size") <= serve.MAX_BODY
    assert "proxy_request_buffering on;" in _nginx()
    kept = re.findall(r"server web:8000.*?keepalive_timeout (\d+)s", _nginx(), re.DOTALL)
    assert int(kept[0]) < serve.IDLE_S


def test_a_slow_sender_is_given_no_more_time_than_by_the_door() -> None:
    times = dict(re.findall(r"(client_\w+_timeout) (\d+)s;", _nginx()))
    assert times == {"client_header_timeout": "5", "client_body_timeout": f"{serve.REQUEST_S:.0f}"}


def test_only_the_doors_own_paths_face_the_internet() -> None:
    public = re.search(r"server \{\s+listen 4430 ssl;(.*?)\n    \}", _nginx(), re.DOTALL)
    assert public is not None
    paths = dict(re.findall(r"location (?:= )?(\S+) \{ (\w+ \S+?);", public[1]))
    assert paths.pop("/") == "return 404"
    assert set(paths) == set(DOOR)
    assert set(paths.values()) == {"proxy_pass http://door"}


def test_what_a_sender_says_of_itself_is_replaced_and_a_hooks_path_is_not_written_down() -> None:
    sent = dict(re.findall(r'proxy_set_header (\S+) ("?\S*);', _nginx()))
    assert (sent["X-Forwarded-For"], sent["X-Forwarded-Proto"], sent["Forwarded"]) == ("$remote_addr", "https", '""')
    assert "$proxy_add_x_forwarded_for" not in _nginx()
    form = re.search(r"log_format line(.*?);", _nginx(), re.DOTALL)
    assert form is not None
    assert not {"$uri", "$request_uri", "$request"} & set(re.findall(r"\$\w+", form[1]))


# What is watched, and what is to be done


def figures(expression: str) -> set[str]:
    return {re.sub(r"_(bucket|count|sum)$", "", name) if name.startswith("tieback_door_seconds") else name
            for name in re.findall(r"\btieback_\w+", expression)}  # fmt: skip


def test_alerts_and_dashboard_ask_for_figures_that_exist_and_the_dashboard_for_all() -> None:
    asked = set().union(*(figures(one) for one in expressions()))
    assert asked == set(TABLE)


def test_labels_that_are_asked_for_exist() -> None:
    for expression in expressions():
        for name, labels in re.findall(r"(tieback_\w+)\{([^}]*)\}", expression):
            asked = set(re.findall(r"(\w+)[=!]~?\"", labels))
            assert asked <= set(TABLE[name].labels), expression


def sections() -> dict[str, str]:
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    return dict(re.findall(r"^### (\w+)\n(.*?)(?=^##)", page, re.MULTILINE | re.DOTALL))


def test_every_alert_has_its_page_that_says_what_to_type() -> None:
    found = sections()
    assert {rule["alert"] for rule in alerts()} == set(found)
    for rule in alerts():
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("page", "ticket")
        text = found[rule["alert"]]
        assert "*You see*" in text
        assert "*Type*" in text


def typed() -> list[str]:
    page = (ROOT / "docs/operations.md").read_text("utf-8").replace("\n", " ")
    return re.findall(r"`tieback ([a-z][^`…]*)`", page)


def test_every_command_that_operators_are_told_to_type_exists() -> None:
    assert len(typed()) > 30
    for line in typed():
        command(re.sub(r'"[^"]*"', "x", line).split())


def test_every_line_of_the_log_is_explained_and_none_that_is_never_written() -> None:
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    told = set(re.findall(r"^\| `([a-z_]+\.?[a-z_]*)` \|", page.split("## What the log says")[1], re.MULTILINE))
    written: set[Any] = log_events()
    begun = tuple(one.removesuffix("…") for one in written if one.endswith("…"))
    exact = {one for one in written if not one.endswith("…")} | {"log.unwritable"}
    assert exact - told == set()
    assert {one for one in told - exact if not one.startswith(begun)} == set()
    assert all(any(one.startswith(start) for one in told) for start in begun)
