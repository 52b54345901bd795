"""Credentials are no settings: they come from the environment or systemd, and are taken out.

A file may be committed, printed or copied; config.yaml has no key for a secret. Taking the secrets
out of the environment keeps them from every child (agents, git, verify commands).
"""

from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, SecretStr

from core.errors import ConfigError
from core.redaction import redact

SECRET_NAMES: Final = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN")
UPSTREAM_NAMES: Final = ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "SLACK_API_URL")


class Credentials(BaseModel):
    """What opens the services Sleepless talks to; None where nothing was given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    anthropic_api_key: SecretStr | None = None
    openai_api_key: SecretStr | None = None
    slack_bot_token: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    anthropic_base_url: str | None = None
    openai_base_url: str | None = None
    slack_api_url: str | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the secrets nobody gave, as the environment spells them."""
        return tuple(name for name in SECRET_NAMES if getattr(self, name.lower()) is None)


def take_credentials(environ: MutableMapping[str, str]) -> Credentials:
    """Read the credentials and remove the secrets from `environ`; from now on logs blot them out.

    The environment goes before systemd's credential files ($CREDENTIALS_DIRECTORY, file names in
    lower or upper case). An empty value counts as missing. What the kernel shows of this process
    in /proc/self/environ stays as it was at its start; only children are protected.
    """
    directory = environ.get("CREDENTIALS_DIRECTORY")
    found: dict[str, str | None] = {}
    for name in SECRET_NAMES:
        secret = environ.pop(name, "").strip() or _from_systemd(directory, name)
        if secret:
            redact(secret)
        found[name.lower()] = secret
    for name in UPSTREAM_NAMES:
        found[name.lower()] = _upstream(name, environ, directory)
    return Credentials.model_validate(found)


def _from_systemd(directory: str | None, name: str) -> str | None:
    if not directory:
        return None
    for spelling in (name.lower(), name):
        content = _content(Path(directory, spelling))
        if content is not None:
            return content or None
    return None


def _content(path: Path) -> str | None:
    """None where there is no such file."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            where="a credential",
            value=str(path),
            problem=f"it cannot be read ({type(error).__name__}); give the daemon's user a UTF-8 "
            "text file it may read.",
        ) from error


def _upstream(name: str, environ: Mapping[str, str], directory: str | None) -> str | None:
    url = environ.get(name, "").strip() or _from_systemd(directory, name)
    if url and not url.startswith(("http://", "https://")):
        raise ConfigError(
            where=name, value=url, problem="give an address that starts with https:// or http://."
        )
    return url or None
