"""Read the settings once from the environment and refuse bad values."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from config_values import check_port, database_url, dns_servers, host, http_url, listed, mail_addresses, places, rate

ROOT = Path(__file__).resolve().parent
DEFAULT_MODEL = "claude-sonnet-5-5"
KEY_MIN_CHARS = 32


class ConfigError(Exception):
    """Say in one line which setting is wrong; the start stops with it."""


Rate = Annotated[str, AfterValidator(rate)]
HttpUrl = Annotated[str, AfterValidator(http_url)]
HostName = Annotated[str, AfterValidator(host)]


class Settings(BaseSettings):
    """Hold every setting of the product, typed; `.env.example` explains each one."""

    model_config = SettingsConfigDict(env_file=ROOT / ".env", env_file_encoding="utf-8", extra="ignore", frozen=True)

    app_env: Literal["development", "production"] = "development"
    secret_key: SecretStr | None = None
    instance_path: Path = ROOT / "instance"
    port: int = Field(default=5000, ge=1, le=65535)
    host: HostName = "127.0.0.1"
    base_url: HttpUrl | None = None
    trusted_proxies: int = Field(default=0, ge=0, le=5)
    web_threads: int = Field(default=128, ge=4, le=1000)

    database_url: str | None = Field(default=None, repr=False)
    db_pool_size: int = Field(default=10, ge=1, le=200)

    anthropic_api_key: SecretStr | None = None
    anthropic_base_url: HttpUrl | None = None
    anthropic_model: str = DEFAULT_MODEL
    agent: Literal["auto", "claude", "offline"] = "auto"
    model_timeout_seconds: float = Field(default=60, gt=0, le=600)

    stripe_secret_key: SecretStr | None = None
    stripe_webhook_secret: SecretStr | None = None
    stripe_api_base: HttpUrl | None = None
    payments: Literal["auto", "stripe", "simulated"] = "auto"

    credentials_key: SecretStr | None = None

    admin_emails: Annotated[list[str], NoDecode, BeforeValidator(listed), AfterValidator(mail_addresses)] = []

    redis_url: str | None = Field(default=None, repr=False)
    rate_limits: Literal["on", "off"] = "on"
    rate_limit_chat: Rate = "30/minute"
    rate_limit_login: Rate = "10/minute"
    rate_limit_signup: Rate = "10/hour"
    rate_limit_payments: Rate = "60/minute"

    charge_lease_seconds: int = Field(default=900, ge=1, le=86_400)
    answer_max_seconds: int = Field(default=600, ge=5, le=3600)
    answer_max_rounds: int = Field(default=20, ge=1, le=100)
    answer_max_tool_calls: int = Field(default=40, ge=1, le=500)
    answer_max_tokens: int = Field(default=8192, ge=64, le=20_000)
    answer_max_output_tokens: int = Field(default=40_000, ge=64, le=1_000_000)
    tool_max_seconds: int = Field(default=60, ge=1, le=600)
    approve_above_credits: int = Field(default=2, ge=0, le=1_000_000)
    approval_minutes: int = Field(default=60, ge=1, le=10_080)
    tools_allow_private: Annotated[list[str], NoDecode, BeforeValidator(listed), AfterValidator(places)] = []
    tools_dns_servers: Annotated[list[str], NoDecode, BeforeValidator(listed), AfterValidator(dns_servers)] = []
    message_max_chars: int = Field(default=60_000, ge=100, le=1_000_000)
    history_max_tokens: int = Field(default=120_000, ge=2_000, le=900_000)
    session_days: int = Field(default=30, ge=1, le=365)

    @model_validator(mode="before")
    @classmethod
    def _blank_is_not_set(cls, given: Any) -> Any:
        # Here and not where the environment is read, so that a blank there still overrides what `.env` says.
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if not (isinstance(value, str) and not value.strip())}

    @field_validator("database_url")
    @classmethod
    def _database_is_supported(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = database_url(value)
        if url.drivername == "sqlite":
            if not url.database or ":memory:" in url.database:
                raise ValueError("SQLite needs a file, such as sqlite:////var/lib/devops-agent/data.db")
            # Every command then means the same file, whatever it takes relative paths to be relative to.
            if not url.database.startswith("file:"):
                url = url.set(database=str(Path(url.database).absolute()))
        return url.render_as_string(hide_password=False)

    @field_validator("redis_url")
    @classmethod
    def _redis_is_an_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if value.startswith(("unix://", "redis+unix://")):
            return f"redis+unix://{value.partition('://')[2]}"  # What the library that counts calls it.
        if not value.startswith(("redis://", "rediss://")):
            raise ValueError("this is not a Redis address such as redis://localhost:6379/0")
        check_port(value)
        return value

    @field_validator("credentials_key")
    @classmethod
    def _credentials_key_is_long(cls, value: SecretStr | None) -> SecretStr | None:
        keys = _parts(value)
        if value is not None and (not keys or min(map(len, keys)) < KEY_MIN_CHARS):
            raise ValueError(f"each key, separated by commas, must have at least {KEY_MIN_CHARS} random characters")
        return value

    @model_validator(mode="after")
    def _choices_fit_together(self) -> Self:
        if self.agent == "claude" and self.anthropic_api_key is None:
            raise ValueError("AGENT=claude needs ANTHROPIC_API_KEY")
        if self.payments == "stripe" and self.stripe_secret_key is None:
            raise ValueError("PAYMENTS=stripe needs STRIPE_SECRET_KEY")
        if self.app_env == "production":
            self._check_production()
        return self

    def _check_production(self) -> None:
        key = self.secret_key.get_secret_value() if self.secret_key else ""
        if len(key) < 32:
            raise ValueError("SECRET_KEY must be set to at least 32 random characters in production")
        if self.payments == "auto" and self.stripe_secret_key is None:
            raise ValueError(
                "production refuses simulated payments: set STRIPE_SECRET_KEY, or PAYMENTS=simulated if you mean it"
            )

    @property
    def is_production(self) -> bool:
        return self.app_env == "production"

    @property
    def public_url(self) -> str:
        """Return where people reach this site, without a slash at the end."""
        return self.base_url or f"http://localhost:{self.port}"

    @property
    def database(self) -> str:
        """Return the SQLAlchemy address of the database; a SQLite file under `instance/` by default."""
        return self.database_url or f"sqlite:///{self.instance_path / 'devops_agent.db'}"

    @property
    def payment_mode(self) -> Literal["stripe", "simulated"]:
        if self.payments == "auto":
            return "stripe" if self.stripe_secret_key else "simulated"
        return self.payments

    @property
    def agent_mode(self) -> Literal["claude", "offline", "none"]:
        """Return who answers; `none` in production without a key, where chat says 503 instead."""
        if self.agent != "auto":
            return self.agent
        if self.anthropic_api_key is not None:
            return "claude"
        return "none" if self.is_production else "offline"

    def signing_key(self) -> str:
        """Return the key that signs sessions; in development it is made once and kept in `instance/secret_key`."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        return _kept_key(self.instance_path / "secret_key")

    def credential_keys(self) -> list[str]:
        """Return the keys for users' credentials: the first encrypts, all decrypt; none means that it is not offered.

        Development has one that is made from the key that signs sessions; production wants its own.
        """
        keys = _parts(self.credentials_key)
        if keys or self.is_production:
            return keys
        return [hmac.new(self.signing_key().encode(), b"users' credentials", hashlib.sha256).hexdigest()]


def _parts(value: SecretStr | None) -> list[str]:
    listed = value.get_secret_value().split(",") if value is not None else []
    return [part.strip() for part in listed if part.strip()]


def _kept_key(path: Path) -> str:
    """Return the key kept in the file, made at the first call; two processes racing to make it agree on one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    if not path.exists():
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)  # Fails if another process was first; its key then counts.
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def load_settings(**overrides: object) -> Settings:
    """Return the settings from the environment, `.env` and `overrides`.

    Raises ConfigError with one clear line that names each bad variable and never repeats a secret.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigError("; ".join(_complaint(problem) for problem in error.errors())) from None
    except (SettingsError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f".env cannot be read: {error}") from None


def _complaint(problem: object) -> str:
    details = dict(problem)  # type: ignore[call-overload]
    name = ".".join(str(part) for part in details["loc"]).upper()
    text = details["msg"].removeprefix("Value error, ")
    return f"{name}: {text}" if name else text
