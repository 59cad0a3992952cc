"""Every setting, in one table. They are environment variables; `tieback.env` in the site may hold them too.

The environment wins over the file. A name we do not know or a value we cannot use stops the start
with a sentence that says what to write.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from config.errors import ConfigError
from config.hiding import hide
from config.problems import did_you_mean
from config.secrets import Secret, new_key
from config.sign_on import Grant, SignOn, grants, issuer
from config.sign_on import of as sign_on_of


@dataclass(frozen=True)
class Settings:
    """What a process was started with; see `TABLE` for the meaning of each."""

    site: Path
    database_url: str
    broker_url: str
    secret_keys: tuple[bytes, ...] = field(repr=False)
    public_url: str
    console_url: str
    oidc_issuer: str
    oidc_client_id: str
    oidc_client_secret: Secret | None
    oidc_claim: str
    oidc_roles: tuple[Grant, ...]
    oidc_scopes: str
    bind: tuple[str, int]
    console_bind: tuple[str, int]
    behind_proxy: bool
    files_root: Path
    retention_days: int
    worker_threads: int
    log_level: str
    failpoints: str
    var: Path
    env: Mapping[str, str] = field(repr=False)
    sources: Mapping[str, str]

    @property
    def sign_on(self) -> SignOn | None:
        """Sign-in by OpenID Connect, where it is set."""
        return sign_on_of(vars(self))

    @property
    def embedded(self) -> bool:
        """True when everything runs in one process and the broker with it."""
        return self.broker_url.startswith("memory:")


@dataclass(frozen=True)
class Setting:
    name: str
    default: str
    help: str
    parse: Callable[[str], Any]

    @property
    def field(self) -> str:
        return self.name.removeprefix("TIEBACK_").lower()


def _database(text: str) -> str:
    scheme = text.split(":", 1)[0]
    if scheme == "sqlite":
        return text
    if scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        return "postgresql+psycopg:" + text.split(":", 1)[1]
    raise ValueError("write sqlite:///path/to/file.db or postgresql://user@host/database")


def _broker(text: str) -> str:
    if text.split(":", 1)[0] in ("memory", "redis", "rediss", "unix", "amqp", "amqps"):
        return text
    raise ValueError("write memory://, redis://host:6379/0 or amqp://user@host/")


def _keys(text: str) -> tuple[bytes, ...]:
    keys: list[bytes] = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        try:
            key = base64.b64decode(part, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != 32:
            # The value itself is never shown: it may be nearly right.
            raise ValueError(f"each key is urlsafe base64 of 32 bytes; part {len(keys) + 1} is not")
        keys.append(key)
    return tuple(keys)


def _url(meaning: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        parts = urlsplit(text)
        if text and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
            raise ValueError(f"write https://host[:port][/path], the address at which {meaning}")
        return text.rstrip("/")

    return parse


def _bind(text: str) -> tuple[str, int]:
    match = re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})", text)
    if match is None or int(match[2]) > 65535:
        raise ValueError("write host:port, such as 127.0.0.1:8000")
    return match[1].strip("[]"), int(match[2])


def _flag(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("", "0", "false", "no", "off"):
        return False
    raise ValueError("write 1 or 0")


def _number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"write a whole number from {low} to {high}")
        return int(text)

    return parse


def _secret(text: str) -> Secret | None:
    if text:
        hide(text)
    return Secret(text) if text else None


def _level(text: str) -> str:
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError("write DEBUG, INFO, WARNING or ERROR")
    return text.upper()


TABLE: tuple[Setting, ...] = (
    Setting("TIEBACK_SITE", "./site", "The folder with connectors, automations and destinations.", Path),
    Setting("TIEBACK_DATABASE_URL", "sqlite:///var/tieback.db", "Where all is kept: sqlite:/// or postgresql://.", _database),
    Setting("TIEBACK_BROKER_URL", "memory://", "The doorbell between processes: memory://, redis:// or amqp://.", _broker),
    Setting("TIEBACK_SECRET_KEYS", "",
            "Comma-separated keys, base64 of 32 bytes: the first seals, all open. With SQLite made in var/secret.key.", _keys),
    Setting("TIEBACK_PUBLIC_URL", "", "The address at which Procore reaches us; https, or http with a custom connector.",
            _url("Procore reaches /webhooks")),
    Setting("TIEBACK_CONSOLE_URL", "", "The address at which people reach the console: for links in alerts, and sign-in by OIDC.",
            _url("people reach the console")),
    Setting("TIEBACK_BIND", "127.0.0.1:8000", "host:port of the public door.", _bind),
    Setting("TIEBACK_CONSOLE_BIND", "127.0.0.1:8001", "host:port of the console, where it is a process of its own.", _bind),
    Setting("TIEBACK_BEHIND_PROXY", "0", "1 when a proxy that buffers requests and ends TLS stands in front.", _flag),
    Setting("TIEBACK_OIDC_ISSUER", "", "Sign-in by OpenID Connect: the issuer, as the provider names itself.", issuer),
    Setting("TIEBACK_OIDC_CLIENT_ID", "", "The client that the provider knows us by.", str),
    Setting("TIEBACK_OIDC_CLIENT_SECRET", "", "Its secret; better in a file named by TIEBACK_OIDC_CLIENT_SECRET_FILE.", _secret),
    Setting("TIEBACK_OIDC_CLAIM", "groups", "The claim that holds a person's groups.", str),
    Setting("TIEBACK_OIDC_ROLES", "", "Who may what: GROUP=ROLE, …; @ID+ID behind it limits it to companies. No group, no entry.",
            grants),
    Setting("TIEBACK_OIDC_SCOPES", "openid profile email", "What is asked of the provider; some need groups among it.", str),
    Setting("TIEBACK_FILES_ROOT", "./var/files", "The one folder that file actions write below.", Path),
    Setting("TIEBACK_RETENTION_DAYS", "30", "Days that finished work is kept; every night what is older goes.", _number(1, 3650)),
    Setting("TIEBACK_WORKER_THREADS", "8", "Threads that run automations, per worker process.", _number(1, 256)),
    Setting("TIEBACK_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR; logs go to standard error.", _level),
    Setting("TIEBACK_FAILPOINTS", "", "For the crash tests only: where to fail. Refused unless TIEBACK_TESTING=1.", str),
)  # fmt: skip
# What holds a secret may stand in a file instead, whose path is in NAME_FILE: containers and systemd hand secrets out so.
SECRET = ("TIEBACK_DATABASE_URL", "TIEBACK_BROKER_URL", "TIEBACK_SECRET_KEYS", "TIEBACK_OIDC_CLIENT_SECRET")
# Not settings of their own: a switch for the crash tests, and marks that our processes give their children.
_INTERNAL = {"TIEBACK_TESTING", "TIEBACK_LISTEN_FD"}


def load(env: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """Settings from the environment and the site's `tieback.env`; relative paths count from `folder`.

    Raises: ConfigError that names the variable, what was seen and what to write.
    """
    given = dict(os.environ if env is None else env)
    folder = folder or Path.cwd()
    site = folder / given.get("TIEBACK_SITE", "./site")
    from_file = _read_env_file(site / "tieback.env")
    merged = {**from_file, **given}
    _refuse_unknown(merged, site / "tieback.env", from_file)
    secrets = _read_secret_files(merged, folder)
    places: dict[str, Mapping[str, str]] = {"secret file": secrets, "environment": given, "tieback.env": from_file}
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for setting in TABLE:
        text = secrets.get(setting.name, merged.get(setting.name, setting.default)).strip()
        where = next((place for place, names in places.items() if setting.name in names), "default")
        try:
            values[setting.field] = setting.parse(text)
        except ValueError as error:
            shown = "" if setting.name == "TIEBACK_SECRET_KEYS" else f' is "{without_password(text)}"'
            raise ConfigError(f"{setting.name}{shown} ({where}): {error}.") from None
        sources[setting.name] = where
    try:
        sign_on_of(values)
    except ValueError as error:
        raise ConfigError(f"{error}.") from None
    if values["failpoints"] and merged.get("TIEBACK_TESTING") != "1":
        raise ConfigError("TIEBACK_FAILPOINTS is set: it makes processes crash on purpose. Unset it.")
    var = folder / "var"
    if values["database_url"].startswith("sqlite:///") and not values["database_url"].startswith("sqlite:////"):
        values["database_url"] = f"sqlite:///{folder / values['database_url'].removeprefix('sqlite:///')}"
    _hide_passwords(values["database_url"], values["broker_url"])
    values["site"] = site
    values["files_root"] = folder / values["files_root"]
    return Settings(**values, var=var, env=merged, sources=sources)


def with_keys(settings: Settings) -> Settings:
    """The same settings with at least one secret key: given, or kept in `var/secret.key` (0600).

    Raises: ConfigError when none is given outside the embedded profile, or the file is open to others.
    """
    from dataclasses import replace

    if settings.secret_keys:
        return settings
    path = settings.var / "secret.key"
    if not path.exists() and not settings.database_url.startswith("sqlite"):
        raise ConfigError(
            "TIEBACK_SECRET_KEYS is not set. Processes that share a database need the same keys: "
            "make one with `python3 -c 'import base64,os;print(base64.urlsafe_b64encode(os.urandom(32)).decode())'`."
        )
    if not path.exists():
        try:
            _create_key(path)
        except OSError as error:
            raise ConfigError(
                f"the key file {path} cannot be made ({error.strerror}). "
                "Start Tieback where it may write var/, or set TIEBACK_SECRET_KEYS."
            ) from None
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"{path} can be read by other users. Run: chmod 600 {path}")
    try:
        return replace(settings, secret_keys=_keys(path.read_text("ascii")))
    except ValueError as error:
        raise ConfigError(f"{path}: {error}. Restore the file from a backup.") from None


def _create_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f"secret.key.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(new_key() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)  # the first of two processes wins; the other reads what it wrote
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


def _read_env_file(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    values = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, sign, value = line.partition("=")
        name = name.removeprefix("export ").strip()
        if not sign or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ConfigError(f"{path}:{number}: a line is NAME=value; this one is not.")
        values[name] = value.strip().strip("\"'")
    return values


def _read_secret_files(merged: Mapping[str, str], folder: Path) -> dict[str, str]:
    """What stands in the files that are named. Raises: ConfigError for one that cannot be read, or a value given twice."""
    found = {}
    for name in SECRET:
        path = merged.get(f"{name}_FILE", "").strip()
        if not path:
            continue
        if merged.get(name):
            raise ConfigError(f"{name} and {name}_FILE are both set. Unset one of them.")
        try:
            found[name] = (folder / path).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ConfigError(f"{name}_FILE is {path}, which cannot be read: {reason}. Name a file with the value.") from None
    return found


def _refuse_unknown(merged: Mapping[str, str], file: Path, from_file: Mapping[str, str]) -> None:
    known = {s.name for s in TABLE} | {f"{name}_FILE" for name in SECRET} | _INTERNAL
    for name in sorted(merged):
        if name.startswith("TIEBACK_") and name not in known:
            where = f"{file}: " if name in from_file else ""
            mend = did_you_mean(name, known) or "; `tieback doctor` lists the settings"
            raise ConfigError(f"{where}{name} is no setting of Tieback{mend}")


_IN_QUERY = re.compile(r"(?<=password=)[^&]+")
# Up to the last @, since a password may hold any sign, also unescaped.
_BEFORE_HOST = re.compile(r"(://[^:/@]*:)(.+)@")


def without_password(text: str) -> str:
    """A URL as it may be shown."""
    return _BEFORE_HOST.sub(r"\1***@", _IN_QUERY.sub("***", text))


def _hide_passwords(*urls: str) -> None:
    for url in urls:
        in_query = _IN_QUERY.findall(url)
        for password in in_query + [found[2] for found in _BEFORE_HOST.finditer(_IN_QUERY.sub("***", url))]:
            hide(password)
            hide(unquote(password))
