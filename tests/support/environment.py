"""Make settings that depend on nothing but the test."""

import os
from pathlib import Path
from typing import Any

from config import Settings

SECRET_KEY = "a key that only tests use, 0123456789"


def forget_environment() -> None:
    """Remove the product's variables from this process, so that the developer's own never reach a test."""
    ours = {name.upper() for name in Settings.model_fields}
    for name in [name for name in os.environ if name.upper() in ours]:
        del os.environ[name]


def make_settings(folder: Path, **given: Any) -> Settings:
    """Return settings for an app whose files are in the folder; the developer's `.env` is never read."""
    defaults: dict[str, Any] = {
        "instance_path": folder / "instance",
        "secret_key": SECRET_KEY,
        "agent": "offline",
        "rate_limits": "off",
    }
    return Settings(_env_file=None, **{**defaults, **given})
