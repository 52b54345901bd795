"""The unit as systemd itself reads it, and the commands that print and install it."""

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from core.credentials import SECRET_NAMES
from core.errors import ConfigError
from interfaces.cli.app import program
from interfaces.cli.invocation import Invocation
from interfaces.cli.service_unit import DOCUMENTED, UNIT_NAME, Installation, unit
from source_tree import ROOT

#: 0 is best; systemd 252 says 1.1, and later ones look at more
WORST_EXPOSURE = 1.5
DEPLOYED = ROOT / "deploy" / UNIT_NAME


def systemd_analyze(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    tool = shutil.which("systemd-analyze")
    assert tool, "systemd-analyze is needed; on Debian: apt-get install systemd"
    return subprocess.run(
        [tool, *words], check=False, capture_output=True, text=True, env=os.environ | environ
    )


def verified(path: Path, *options: str, **environ: str) -> str:
    """What systemd has to say against a unit: nothing is best."""
    said = systemd_analyze("verify", *options, str(path), **environ)
    return f"{said.stdout}{said.stderr}" + (f"exit {said.returncode}" if said.returncode else "")


def sleepless(*words: str) -> Result:
    runner = CliRunner()
    return runner.invoke(program, words, obj=Invocation())


def printed(*words: str) -> str:
    result = sleepless("service", "print", *words)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def written(directory: Path, text: str) -> Path:
    path = directory / UNIT_NAME
    path.write_text(text)
    return path


def test_the_deployed_unit_is_what_the_program_prints_for_the_documented_installation() -> None:
    assert DEPLOYED.read_text() == unit(DOCUMENTED)


def test_the_deployed_unit_is_clean_where_the_documentation_installs(tmp_path: Path) -> None:
    """In a root with the system's own units and the documented files: verify looks for both."""
    units = tmp_path / "usr/lib/systemd/system"
    shutil.copytree("/usr/lib/systemd/system", units, symlinks=True)
    interpreter = tmp_path / DOCUMENTED.program[0].relative_to("/")
    interpreter.parent.mkdir(parents=True)
    shutil.copy("/bin/sh", interpreter)
    place = tmp_path / "etc/systemd/system"
    place.mkdir(parents=True)
    shutil.copy(DEPLOYED, place)
    assert verified(place / UNIT_NAME, f"--root={tmp_path}") == ""


def test_the_printed_unit_is_clean(here: Path) -> None:
    assert verified(written(here, printed())) == ""


def test_the_printed_unit_of_an_account_is_clean(here: Path) -> None:
    path = written(here, printed("--user"))
    assert verified(path, "--user", XDG_RUNTIME_DIR=str(here)) == ""


def test_a_unit_for_paths_with_odd_letters_is_clean_and_names_them(here: Path) -> None:
    odd = here / "a night, 100%h (ö)"
    odd.mkdir()
    program_ = odd / "python"
    shutil.copy("/bin/sh", program_)
    text = unit(Installation((program_, odd / "daemon.py"), odd / "config.yaml", odd))
    assert verified(written(here, text)) == ""
    assert f'ExecStart="{here}/a night, 100%%h (ö)/python" "' in text


@pytest.mark.parametrize("odd", ["/a\nExecStartPre=/bin/evil", '/a"b', "/a'b", "/a\\b", "/$a"])
def test_a_path_that_no_unit_can_name_is_refused(odd: str) -> None:
    with pytest.raises(ConfigError, match="a unit cannot name"):
        unit(Installation((Path("/bin/sh"), Path(odd)), None))


@pytest.mark.parametrize("of_user", [False, True])
def test_systemd_knows_every_line_of_the_unit(here: Path, of_user: bool) -> None:  # noqa: FBT001 - a parameter of the test
    text = printed(*(["--user"] if of_user else []))
    assert "@" not in re.sub(r"@(system-service|privileged|resources)", "", text)
    directives = [line.partition("=")[0] for line in text.splitlines() if re.match(r"\w+=", line)]
    assert len(directives) > 25


def test_the_unit_exposes_no_more_than_the_documentation_says(tmp_path: Path) -> None:
    said = systemd_analyze("security", "--offline=yes", "--no-pager", str(DEPLOYED))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said.stdout)
    assert found, said.stdout + said.stderr
    assert float(found[1]) <= WORST_EXPOSURE
    told = re.search(r"exposure ([\d.]+) of 10", (ROOT / "docs" / "operations.md").read_text())
    assert told
    assert float(told[1]) <= WORST_EXPOSURE


def test_no_secret_stands_in_the_unit_and_every_one_can_be_given(here: Path) -> None:
    text = DEPLOYED.read_text()
    given = re.findall(r"^LoadCredential=(\w+):sleepless\.\1$", text, re.MULTILINE)
    assert given == [name.lower() for name in SECRET_NAMES]
    assert not re.search(r"^(Set\w*Credential|Environment=.*(KEY|TOKEN))", text, re.MULTILINE)


def test_the_unit_of_an_account_asks_for_nothing_that_only_root_may_do(here: Path) -> None:
    text = printed("--user")
    for directive in ("User=", "CapabilityBoundingSet=", "ProtectSystem=", "LoadCredential="):
        assert f"\n{directive}" not in text
    assert "WantedBy=default.target" in text
    assert f"WorkingDirectory={here}" in text


def test_the_unit_starts_this_installation_with_the_configuration_it_is_printed_with(
    here: Path,
) -> None:
    (here / "night.yaml").write_text("workspace: {root: /srv/trees}\n")
    result = sleepless("--config", "night.yaml", "service", "print")
    assert f"{ROOT / 'daemon.py'} --config {here / 'night.yaml'}\n" in result.output
    assert "ReadWritePaths=%S/sleepless /srv/trees\n" in result.output


def test_a_home_directory_stays_readable_when_the_installation_lives_in_one() -> None:
    lives = Installation((Path("/home/ada/venv/bin/python"), Path("/opt/daemon.py")), None)
    assert "\nProtectHome=read-only\n" in unit(lives)
    borrows = replace(DOCUMENTED, library=Path("/home/ada/.pyenv/versions/3.12.1"))
    assert "\nProtectHome=read-only\n" in unit(borrows)
    assert "\nProtectHome=yes\n" in unit(DOCUMENTED)


def test_install_writes_what_print_prints_and_says_what_comes_next(here: Path) -> None:
    result = sleepless("service", "install", "--root", str(here))
    path = here / "etc/systemd/system" / UNIT_NAME
    assert (result.exit_code, path.read_text()) == (0, printed())
    assert f"Writing {path}" in result.output
    assert "systemctl daemon-reload" in result.output
    assert path.stat().st_mode & 0o777 == 0o644


def test_install_for_an_account_writes_below_its_home(here: Path) -> None:
    result = sleepless("service", "install", "--user")
    path = here / "home/.config/systemd/user" / UNIT_NAME
    assert (result.exit_code, path.read_text()) == (0, printed("--user"))
    assert "systemctl --user enable --now sleepless" in result.output


def test_install_leaves_a_unit_that_differs_alone_unless_told_otherwise(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = here / "etc/systemd/system" / UNIT_NAME
    path.parent.mkdir(parents=True)
    path.write_text("# mine\n")
    refused = sleepless("service", "install", "--root", str(here))
    assert (refused.exit_code, path.read_text()) == (4, "# mine\n")
    assert "--force" in refused.output
    assert sleepless("service", "install", "--root", str(here), "--force").exit_code == 0
    assert path.read_text() == printed()
    again = sleepless("service", "install", "--root", str(here))
    assert (again.exit_code, "just like this" in again.output) == (0, True)


def test_install_says_what_to_do_where_it_may_not_write(here: Path) -> None:
    (here / "etc").write_text("a file where a directory should be")
    result = sleepless("service", "install", "--root", str(here))
    assert result.exit_code == 1
    assert "use sudo, or --user" in result.output
