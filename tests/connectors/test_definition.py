import json
from pathlib import Path

import pytest

from config import yamlfile
from config.errors import ConfigError
from config.problems import Problem, Problems
from config.secrets import Secret
from connectors import definition

GOOD = """\
format: 1
kind: procore_dmsa
name: acme-prod
environment: production
client_id: ${env:ACME_CLIENT_ID}
client_secret: ${file:secrets/acme}
company_id: 598134000001001
projects: [598134000002001, "598134000002002"]
webhooks:
  namespace: acme-tieback
  payload_version: v4.0
  secret: ${env:ACME_HOOK_SECRET}
"""


def parsed(text: str) -> definition.Definition:
    return definition.parse(yamlfile.parse(text, "connectors/acme.yaml"))


def problems(text: str) -> list[Problem]:
    with pytest.raises(Problems) as raised:
        parsed(text)
    return raised.value.found


def test_a_file_is_read_with_ids_as_text_and_the_hosts_of_its_environment() -> None:
    one = parsed(GOOD)
    assert (one.company_id, one.projects) == ("598134000001001", ("598134000002001", "598134000002002"))
    assert (one.api_host, one.login_host) == ("https://api.procore.com", "https://login.procore.com")


@pytest.mark.parametrize(
    "environment,api,login",
    [
        ("sandbox", "https://sandbox.procore.com", "https://login-sandbox.procore.com"),
        ("monthly", "https://api-monthly.procore.com", "https://login-sandbox-monthly.procore.com"),
        ("on-demand", "https://api.procore.com", "https://login.procore.com"),
        ("federal", "https://api.procoregov.com", "https://login.procoregov.com"),
    ],
)
def test_each_environment_has_its_own_pair_of_hosts(environment: str, api: str, login: str) -> None:
    one = parsed(GOOD.replace("production", environment))
    assert (one.api_host, one.login_host) == (api, login)


def test_a_custom_connector_names_both_hosts_and_they_may_be_equal() -> None:
    text = GOOD.replace(
        "environment: production", "environment: custom\napi_host: http://127.0.0.1:8900/\nlogin_host: http://127.0.0.1:8900"
    )
    assert parsed(text).api_host == parsed(text).login_host == "http://127.0.0.1:8900"


def test_a_host_beside_a_preset_environment_is_refused_at_its_line() -> None:
    found = problems(GOOD.replace("environment: production", "environment: production\napi_host: https://evil.example"))
    assert [(p.line, p.code) for p in found] == [(5, "TB305")]
    assert "production always uses https://api.procore.com" in found[0].message


@pytest.mark.parametrize(
    ("environment", "line", "kept"),
    [
        (
            "monthly",
            "api_host: https://api-sandbox-monthly.procore.com/",
            {"api_host": "https://api-sandbox-monthly.procore.com"},
        ),
        ("monthly", "api_host: https://api-monthly.procore.com", {}),
        ("sandbox", "login_host: https://sandbox.procore.com", {"login_host": "https://sandbox.procore.com"}),
        ("sandbox", "login_host: https://login-sandbox.procore.com", {}),
    ],
)
def test_another_host_that_procore_itself_names_is_accepted_and_kept(environment: str, line: str, kept: dict[str, str]) -> None:
    one = parsed(GOOD.replace("environment: production", f"environment: {environment}\n{line}"))
    config = definition.as_config(one)
    assert {key: config[key] for key in ("api_host", "login_host") if key in config} == kept
    assert definition.as_config(definition.from_stored(config, {"client_secret": Secret("s")})) == config


def test_a_host_of_another_environment_says_whose_it_is() -> None:
    (found,) = problems(GOOD.replace("environment: production", "environment: sandbox\napi_host: https://api.procore.com"))
    assert found.code == "TB305"
    assert "https://api.procore.com belongs to production; sandbox always uses https://sandbox.procore.com" in found.message


def test_everything_that_is_wrong_is_said_at_once_with_its_place() -> None:
    found = problems("""\
format: 2
kind: procore_dsma
name: Acme Prod
enviroment: sandbox
client_id: 123
client_secret: hunter2
company_id: twelve
projects: [1, x]
webhooks: {namespace: Acme_1, secrets: x, payload_version: v5, secret: hunter2hunter2}
""")
    assert [(p.line, p.code) for p in found] == [
        (1, "TB302"), (1, "TB300"), (2, "TB303"), (3, "TB308"), (4, "TB301"), (6, "TB307"), (7, "TB303"), (8, "TB303"),
        (9, "TB308"), (9, "TB301"), (9, "TB303"), (9, "TB307"),
    ]  # fmt: skip
    assert {p.line: p.suggestion for p in found if p.suggestion}[4] == "environment"
    assert {p.line: p.suggestion for p in found if p.suggestion}[2] == "procore_dmsa"
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("host", ["https://0x7f.1", "https://10.0.0.5", "http://api.example.com", "https://a@b", "https://169.254.169.254",
                                  "https://api.example.com/rest"])  # fmt: skip
def test_a_custom_host_that_is_no_safe_host_is_refused_with_its_line(host: str) -> None:
    text = GOOD.replace(
        "environment: production", f"environment: custom\napi_host: {host}\nlogin_host: https://login.example.com"
    )
    assert [(p.line, p.code) for p in problems(text)] == [(5, "TB306")]


def test_private_opens_a_private_custom_host_and_is_refused_elsewhere() -> None:
    custom = "environment: custom\napi_host: http://10.0.0.5:8900\nlogin_host: http://10.0.0.5:8900\nprivate: true"
    assert parsed(GOOD.replace("environment: production", custom)).private
    assert [p.code for p in problems(GOOD + "private: true\n")] == ["TB305"]


def test_the_namespace_defaults_to_the_name() -> None:
    text = GOOD[: GOOD.index("webhooks:")].replace("acme-prod", "acme_prod")
    assert parsed(text).namespace == "tieback-acme-prod"


def test_references_are_resolved_from_environment_and_files(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "acme").write_text("client secret\n")
    one = definition.resolve(parsed(GOOD), {"ACME_CLIENT_ID": "abc", "ACME_HOOK_SECRET": "h" * 32}, tmp_path)
    assert (one.client_id, one.client_secret, one.webhooks.secret) == ("abc", Secret("client secret"), Secret("h" * 32))
    assert "client secret" not in repr(one)
    assert "hhhh" not in repr(one)


def test_a_missing_secret_names_the_connector_the_key_and_the_mend(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="connector acme-prod, client_id: the environment variable ACME_CLIENT_ID is not set"):
        definition.resolve(parsed(GOOD), {}, tmp_path)


def test_a_webhook_secret_under_32_characters_is_refused_without_being_shown() -> None:
    secrets = {"client_secret": Secret("x"), "webhook_secret": Secret("short-secret")}
    with pytest.raises(ConfigError, match=r"webhooks.secret has 12 characters, and needs 32") as raised:
        definition.from_stored(definition.as_config(parsed(GOOD)), secrets)
    assert "short-secret" not in str(raised.value)


def test_a_webhook_secret_that_no_header_can_carry_is_refused() -> None:
    secrets = {"client_secret": Secret("x"), "webhook_secret": Secret("a" * 40 + "\r\nX: y")}
    with pytest.raises(ConfigError, match="no header can carry"):
        definition.from_stored(definition.as_config(parsed(GOOD)), secrets)


@pytest.mark.parametrize("custom", [False, True])
def test_a_connector_survives_the_way_into_the_store_and_back(custom: bool) -> None:
    hosts = "environment: custom\napi_host: http://10.0.0.5:8900\nlogin_host: https://login.example.com\nprivate: true"
    one = parsed(GOOD.replace("environment: production", hosts) if custom else GOOD)
    config = json.loads(json.dumps(definition.as_config(one)))
    back = definition.from_stored(config, {"client_secret": Secret("s")})
    assert definition.as_config(back) == config
    assert (back.source, back.client_secret) == ("store", Secret("s"))
    assert "secret" not in json.dumps(config).replace("ACME_CLIENT_ID", "")


def test_a_stored_connector_that_does_not_fit_is_refused_like_a_file() -> None:
    with pytest.raises(Problems, match='environment "prodution" is not known; did you mean "production"'):
        definition.from_stored({**definition.as_config(parsed(GOOD)), "environment": "prodution"}, {"client_secret": Secret("s")})


@pytest.mark.parametrize("text", ["", "- a list", "just text", "webhooks: 3", "projects: {}", "company_id: 1.5", "name: [x]"])
def test_any_other_shape_is_a_problem_and_no_crash(text: str) -> None:
    assert problems(text)
