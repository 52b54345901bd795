"""The systemd unit of one installation, as text. Pure; `sleepless service` puts it out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.errors import ConfigError

UNIT_NAME: Final = "sleepless.service"
_TEMPLATE: Final = Path(__file__).with_name("sleepless.service.in")
#: what ProtectHome=yes hides from a service
_HOMES: Final = (Path("/home"), Path("/root"), Path("/run/user"))
#: systemd takes no program of such a name, however it is escaped
_UNSPEAKABLE: Final = "\"'\\$"
_SCOPED: Final = re.compile(r"@(system|user|state)@ ")


@dataclass(frozen=True, slots=True)
class Installation:
    """What a unit has to know; every path is absolute."""

    #: the interpreter and its script
    program: tuple[Path, Path]
    #: None: config.yaml of the working directory where there is one
    config: Path | None
    #: the working directory; None: the state directory that systemd makes
    directory: Path | None = None
    #: what the settings place outside of the working directory
    writable: Sequence[Path] = ()
    #: where the interpreter's own library lies: a virtual environment is only a link to it
    library: Path | None = None
    #: a service of one's own account (systemctl --user)
    of_user: bool = False


#: where docs/operations.md installs; deploy/sleepless.service is its unit
DOCUMENTED: Final = Installation(
    (Path("/opt/sleepless/.venv/bin/python"), Path("/opt/sleepless/daemon.py")),
    Path("/etc/sleepless/config.yaml"),
)


def unit(installation: Installation) -> str:
    """Raises ConfigError for a path that no unit can name."""
    values = _values(installation)
    lines = (
        _filled(_SCOPED.sub("", line), values)
        for line in _TEMPLATE.read_text(encoding="utf-8").splitlines()
        if _belongs(line, installation)
    )
    return "\n".join(lines) + "\n"


def _belongs(line: str, installation: Installation) -> bool:
    match _SCOPED.match(line):
        case None:
            return True
        case found if found[1] == "state":
            return installation.directory is None
        case found:
            return (found[1] == "user") == installation.of_user


def _filled(line: str, values: dict[str, str]) -> str:
    return re.sub(r"@([A-Z_]+)@", lambda found: values[found[1]], line)


def _values(installation: Installation) -> dict[str, str]:
    options = ["--config", str(installation.config)] if installation.config else []
    command = [*map(str, installation.program), *options]
    directory = installation.directory
    state = "%S/sleepless"
    writable = [_word(str(path)) for path in (directory, *installation.writable) if path]
    environment = "%h/.config/sleepless/environment"
    return {
        "COMMAND": " ".join(_word(word) for word in command),
        "DIRECTORY": _plain(str(directory)) if directory else state,
        "WRITABLE": " ".join([*([] if directory else [state]), *writable]),
        "PROTECT_HOME": "read-only" if _lives_at_home(installation) else "yes",
        "ENVIRONMENT": environment if installation.of_user else "/etc/sleepless/environment",
    }


def _lives_at_home(installation: Installation) -> bool:
    places = [*installation.program, installation.config, installation.directory]
    places += [installation.library, *installation.writable]
    return any(place.is_relative_to(home) for place in places if place for home in _HOMES)


def _word(text: str) -> str:
    """One word of a line that systemd splits."""
    plain = _plain(text)
    return f'"{plain}"' if " " in plain else plain


def _plain(text: str) -> str:
    if not text.isprintable() or any(letter in text for letter in _UNSPEAKABLE):
        problem = "a unit cannot name a path with quotes, backslashes, $ or control characters."
        raise ConfigError(where="the installation", value=text, problem=problem)
    return text.replace("%", "%%")
