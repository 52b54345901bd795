"""What is written twice must be said once: settings, commands, packages, links."""

import html
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from datetime import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import pytest

from core.credentials import SECRET_NAMES, UPSTREAM_NAMES
from core.settings import Settings, load_settings
from core.settings_sources import known_keys, read_config_file, variable_name
from interfaces.cli.app import program
from interfaces.cli.invocation import Invocation
from interfaces.cli.rehearsal_promises import PROMISES
from source_tree import ROOT

KEYS = dict(known_keys(Settings))
CONFIG = (ROOT / "config.yaml").read_text()
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if not line.startswith("#")
)


def as_yaml(default: Any) -> str:
    match default:
        case None:
            return "null"
        case bool():
            return str(default).lower()
        case time():
            return f'"{default:%H:%M}"'
        case ():
            return "[]"
        case _:
            return str(default)


every_key = pytest.mark.parametrize("key", KEYS)


@every_key
def test_the_key_stands_in_config_yaml_with_its_default_and_meaning(key: str) -> None:
    field = KEYS[key]
    line = f"{key.rpartition('.')[2]}: {as_yaml(field.default)}  # {field.description}"
    assert line in [each.lstrip("# ") for each in CONFIG.splitlines()]


@every_key
def test_the_key_stands_in_the_documentation_with_default_meaning_and_variable(key: str) -> None:
    field = KEYS[key]
    cells = (
        f"`{key}`",
        f"`{as_yaml(field.default)}`",
        field.description,
        f"`{variable_name(key)}`",
    )
    assert f"| {' | '.join(map(str, cells))} |" in CONFIGURATION.splitlines()


def test_config_yaml_says_what_the_defaults_are_and_nothing_else() -> None:
    assert load_settings(ROOT / "config.yaml", {}) == Settings()
    written = {
        f"{section}.{key}"
        for section, values in read_config_file(ROOT / "config.yaml").items()
        for key in values
    }
    assert written == {key for key in KEYS if not key.startswith("projects.")}


def test_the_documentation_names_no_setting_that_does_not_exist() -> None:
    assert set(re.findall(r"^\| `([a-z_.<>]+)` \|", CONFIGURATION, re.MULTILINE)) == set(KEYS)


def test_the_documentation_names_every_credential() -> None:
    documented = re.findall(r"^\| `([A-Z_]+)` \|", CONFIGURATION, re.MULTILINE)
    assert documented == [*SECRET_NAMES, *UPSTREAM_NAMES]


@pytest.mark.parametrize("command", ["make rehearse", "make test"])
def test_the_readme_shows_a_command_that_exists(command: str) -> None:
    target = command.partition(" ")[2]
    assert command in (ROOT / "README.md").read_text()
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def shell_lines(page: Path) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]


def commands_of(page: Path) -> list[list[str]]:
    """Every `sleepless …` that a page tells people to type, as words."""
    found = (re.search(r"(?:^|bin/|&& |\| )sleepless (.*)", line) for line in shell_lines(page))
    return [shlex.split(each[1].split(" | ")[0].split(" && ")[0]) for each in found if each]


PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
TYPED = [(page.name, words) for page in PAGES for words in commands_of(page)]


@pytest.mark.parametrize(
    ("page", "words"), TYPED, ids=[f"{page}-{' '.join(words)}" for page, words in TYPED]
)
def test_a_command_that_a_page_shows_is_parsed_to_its_last_word(
    page: str, words: list[str]
) -> None:
    """Without running it: click reads every group, command, option and argument."""
    context = program.make_context("sleepless", list(words), obj=Invocation())
    while isinstance(context.command, click.Group):
        rest = [*context._protected_args, *context.args]
        name, command, rest = context.command.resolve_command(context, rest)
        assert command, f"{page}: there is no `{name}`"
        context = command.make_context(name, rest, parent=context)


def test_the_readme_shows_commands_of_every_kind() -> None:
    shown = {words[0] for page, words in TYPED if page == "README.md"}
    assert shown >= {"doctor", "up", "task", "tasks", "credits", "sql"}


def test_the_picture_of_the_readme_is_a_rehearsal_that_kept_every_promise_there_is() -> None:
    """Drawn by the program itself: `make picture`."""
    drawn = (ROOT / "docs" / "rehearsal.svg").read_text()
    text = html.unescape(re.sub(r"<[^>]+>", "", drawn)).replace("\xa0", " ")
    assert [promise.text for promise in PROMISES if promise.text not in text] == []
    assert f"{len(PROMISES)} of {len(PROMISES)} promises kept" in text
    assert "http" not in drawn.replace("http://www.w3.org/", "").replace(
        "https://www.textualize.io", ""
    )
    assert "docs/rehearsal.svg" in (ROOT / "README.md").read_text()


def test_ci_runs_what_everybody_can_run() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().rstrip().endswith("make test")


def test_make_lists_its_targets() -> None:
    make = shutil.which("make")
    assert make, "GNU make is needed; on Debian: apt-get install make"
    said = subprocess.run([make, "-s", "-C", ROOT], check=True, capture_output=True, text=True)
    assert {"setup", "rehearse", "test", "bench", "fmt"} <= set(said.stdout.split())


@pytest.mark.parametrize(
    "package",
    [
        "slack-bolt",
        "apscheduler",
        "sqlalchemy",
        "claude-agent-sdk",
        "gitpython",
        "python-slugify",
        "pydantic-settings",
        "pytest",
        "freezegun",
    ],
)
def test_the_project_depends_on(package: str) -> None:
    project = PYPROJECT["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    assert package in {re.match(r"[a-z0-9-]+", each.lower())[0] for each in wanted}  # type: ignore[index] # every requirement starts with a name


@pytest.mark.parametrize("package", PINS)
def test_a_pin_is_exact_and_what_is_installed(package: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", package)
    assert version(package) == PINS[package], "run `make setup`, or pin what is installed"


def test_every_dependency_is_pinned() -> None:
    project = PYPROJECT["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.split(r"[^A-Za-z0-9-]", each)[0].lower() for each in wanted}
    assert names <= {package.lower().replace("_", "-") for package in PINS}


def test_the_changelog_has_one_unreleased_section() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert changelog.count("\n## [Unreleased]\n") == 1


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md")), ids=lambda p: p.name
)
def test_every_link_of_a_page_leads_somewhere(page: Any) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
