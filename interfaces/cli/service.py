"""`sleepless service`: the systemd unit of this installation, printed or put where it belongs."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

import click

from core.errors import ServiceNotInstalled, UnitDiffers
from interfaces.cli.invocation import Invocation
from interfaces.cli.output import say
from interfaces.cli.service_unit import UNIT_NAME, Installation, unit
from interfaces.cli.up import daemon_command

_SYSTEM_UNITS: Final = Path("/etc/systemd/system")
_USER_UNITS: Final = Path(".config/systemd/user")

_NEXT_OF_SYSTEM: Final = """\
Next, as root:
  useradd --system --home-dir /var/lib/sleepless --shell /usr/sbin/nologin sleepless
  install -m 600 /dev/stdin /etc/credstore/sleepless.anthropic_api_key   # paste the key, Ctrl-D
  systemctl daemon-reload
  systemctl enable --now sleepless
  journalctl -u sleepless -f"""
_NEXT_OF_USER: Final = """\
Next:
  systemctl --user daemon-reload
  systemctl --user enable --now sleepless
  journalctl --user -u sleepless -f
  loginctl enable-linger   # so that it runs while you are logged out"""

_of_user = click.option("--user", "of_user", is_flag=True, help="A service of your own account.")
_directory = click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Its working directory. Default: /var/lib/sleepless; with --user: where you are.",
)


@click.group("service")
def service() -> None:
    """Run Sleepless under systemd."""


@service.command("print")
@_of_user
@_directory
@click.pass_obj
def print_(invocation: Invocation, of_user: bool, directory: Path | None) -> None:  # noqa: FBT001 - click's signature
    """Print the unit for this installation."""
    click.echo(unit(_installation(invocation, directory, of_user=of_user)), nl=False)


@service.command("install")
@_of_user
@_directory
@click.option("--force", is_flag=True, help="Replace a unit that differs.")
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Install below this directory, as for an image.",
)
@click.pass_obj
def install(
    invocation: Invocation,
    of_user: bool,  # noqa: FBT001 - click's signature
    directory: Path | None,
    force: bool,  # noqa: FBT001
    root: Path | None,
) -> None:
    """Write the unit to where systemd looks for it; start nothing."""
    text = unit(_installation(invocation, directory, of_user=of_user))
    path = _target(root, of_user=of_user)
    if _is_there(path, text):
        say(f"{path} is there already, just like this.")
    else:
        _require_replaceable(path, force=force)
        say(f"{'Replacing' if path.exists() else 'Writing'} {path}")
        _write(path, text)
    say(_NEXT_OF_USER if of_user else _NEXT_OF_SYSTEM)


def _installation(invocation: Invocation, directory: Path | None, *, of_user: bool) -> Installation:
    interpreter, script, *_ = daemon_command(None)
    config = invocation.config or Path("config.yaml")
    settings = invocation.settings
    places = [settings.workspace.root]
    if settings.database.url.startswith("sqlite:///"):
        places.append(Path(settings.database.url.removeprefix("sqlite:///")).parent)
    return Installation(
        program=(Path(interpreter), Path(script)),
        config=config.absolute() if config.exists() else None,
        directory=_absolute(directory, of_user=of_user),
        writable=tuple(dict.fromkeys(place for place in places if place.is_absolute())),
        library=Path(sys.base_prefix),
        of_user=of_user,
    )


def _absolute(directory: Path | None, *, of_user: bool) -> Path | None:
    if directory is None:
        return Path.cwd() if of_user else None
    return directory.absolute()


def _target(root: Path | None, *, of_user: bool) -> Path:
    place = Path.home() / _USER_UNITS if of_user else _SYSTEM_UNITS
    return (root / place.relative_to("/") if root else place) / UNIT_NAME


def _is_there(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def _require_replaceable(path: Path, *, force: bool) -> None:
    if path.exists() and not force:
        raise UnitDiffers(path=path)


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=".sleepless-", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
        # the unit holds no secret, and systemctl shows it to everybody
        Path(file.name).chmod(0o644)
        os.replace(file.name, path)  # noqa: PTH105 - the names are strings here
    except OSError as error:
        raise ServiceNotInstalled(path=path, problem=error.strerror) from error
