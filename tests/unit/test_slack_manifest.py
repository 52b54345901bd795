"""The manifest declares what the code listens to and calls, and nothing else."""

import ast
from collections.abc import Iterator
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from core.task_queue import TaskQueue
from fake_slack import FakeSlack
from fixtures_slack_app import Premise, office_of, settings_of, surroundings_of
from interfaces.bot_commands import COMMANDS
from interfaces.grammar import Command, parse_said, slash
from interfaces.slack.incoming import app as slack_app
from interfaces.slack.incoming import home
from interfaces.slack.manifest import WITHOUT, manifest, missing_scopes, wanted_scopes
from source_tree import ROOT

MANIFEST = manifest()
FEATURES, SETTINGS = MANIFEST["features"], MANIFEST["settings"]
EVENTS = SETTINGS["event_subscriptions"]["bot_events"]

HISTORY = {"channels:history", "groups:history", "im:history"}
#: what a call to the Web API needs; by the names that the SDK gives its methods
CALLS: dict[str, set[str]] = {
    "agents_sessions_setStatus": {"chat:write", "assistant:write"},
    "apps_connections_open": set(),  # of the app token
    "auth_test": set(),
    "bots_info": {"users:read"},
    "chat_delete": {"chat:write"},
    "chat_postEphemeral": {"chat:write"},
    "chat_postMessage": {"chat:write"},
    "chat_update": {"chat:write"},
    "conversations_history": HISTORY,
    "conversations_open": {"im:write"},
    "conversations_replies": HISTORY,
    "files_completeUploadExternal": {"files:write"},
    "files_getUploadURLExternal": {"files:write"},
    "reactions_add": {"reactions:write"},
    "users_info": {"users:read"},
    "views_open": set(),
    "views_publish": set(),
    "views_push": set(),
}
#: what it takes to hear of something
HEARS: dict[str, set[str]] = {
    "agent_session_stopped": {"assistant:write"},
    "app_home_opened": set(),
    "app_mention": {"app_mentions:read"},
    "message.channels": {"channels:history"},
    "message.groups": {"groups:history"},
    "message.im": {"im:history"},
}


def called(root: Path) -> set[str]:
    """The Web API's methods that the sources name."""
    methods = {
        name
        for name in dir(AsyncWebClient)
        if "_" in name.strip("_") and iscoroutinefunction(getattr(AsyncWebClient, name))
    }
    trees = (ast.parse(file.read_text()) for file in (root / "interfaces" / "slack").rglob("*.py"))
    named = {
        node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    }
    return named & methods


def listened_to(app: AsyncApp) -> Iterator[tuple[str, Any]]:
    """What every listener of bolt's waits for: `("command", "/task")`."""
    for listener in app._async_listeners:
        for matcher in getattr(listener, "matchers", []):
            yield from _constraints(matcher.func)


def _constraints(matches: Any) -> Iterator[tuple[str, Any]]:
    """Bolt keeps a constraint in a function within a function named after its kind."""
    for cell in matches.__closure__ or ():
        inner = cell.cell_contents
        if callable(inner) and getattr(inner, "__closure__", None):
            kind = inner.__qualname__.partition(".")[0]
            values = (each.cell_contents for each in inner.__closure__)
            yield from ((kind, value) for value in values if not callable(value))


@pytest.fixture
async def waits_for(queue: TaskQueue, tmp_path: Path) -> dict[str, list[Any]]:
    """By kind; of the app as it is composed."""
    premise = Premise()
    surroundings = surroundings_of(queue, settings_of(premise, tmp_path))
    office = office_of(FakeSlack(), surroundings, premise)
    app = slack_app.build(office)
    home.register(app, office)
    found: dict[str, list[Any]] = {}
    for kind, value in listened_to(app):
        found.setdefault(kind, []).append(value)
    await office.desk.drain(1)
    return found


async def test_every_command_that_is_answered_is_declared_and_no_other(
    waits_for: dict[str, list[Any]],
) -> None:
    declared = [command["command"] for command in FEATURES["slash_commands"]]
    heard = set(waits_for["command"]) - {"/status"}  # Slack lets no app declare that one
    assert sorted(heard) == sorted(declared)
    assert len(set(declared)) == len(declared)


async def test_every_event_that_is_heard_is_declared_and_no_other(
    waits_for: dict[str, list[Any]],
) -> None:
    assert set(waits_for["event"]) == {name.partition(".")[0] for name in EVENTS}


async def test_every_shortcut_that_is_answered_is_declared_and_no_other(
    waits_for: dict[str, list[Any]],
) -> None:
    declared = {(each["callback_id"], each["type"]) for each in FEATURES["shortcuts"]}
    types = {"message_shortcut": "message", "global_shortcut": "global"}
    answered = {(name, types[kind]) for kind in types for name in waits_for.get(kind, [])}
    assert answered == declared
    assert "shortcut" not in waits_for


def test_the_methods_that_are_called_are_those_the_table_knows() -> None:
    assert called(ROOT) == CALLS.keys()


def test_every_permission_is_needed_and_none_is_missing() -> None:
    needed = {scope for method in called(ROOT) for scope in CALLS[method]}
    needed |= {scope for event in EVENTS for scope in HEARS[event]}
    needed |= {"commands"} if FEATURES["slash_commands"] or FEATURES["shortcuts"] else set()
    assert wanted_scopes() == needed
    assert list(MANIFEST["oauth_config"]["scopes"]) == ["bot"]


def test_a_planted_call_is_found(tmp_path: Path) -> None:
    file = tmp_path / "interfaces" / "slack" / "a.py"
    file.parent.mkdir(parents=True)
    file.write_text("async def f(client):\n    await client.admin_users_list()\n")
    assert called(tmp_path) == {"admin_users_list"}


def test_what_each_permission_is_for_is_said_of_all_of_them() -> None:
    assert WITHOUT.keys() == wanted_scopes()
    assert missing_scopes(wanted_scopes() | {"channels:read"}) == {}
    assert list(missing_scopes(wanted_scopes() - {"im:write"})) == ["im:write"]


def test_what_stands_behind_a_command_is_what_help_says() -> None:
    declared = {
        each["command"]: (each.get("usage_hint", ""), each["description"])
        for each in FEATURES["slash_commands"]
    }
    assert declared == {slash(verb): (each.usage, each.summary) for verb, each in COMMANDS.items()}


def test_slack_escapes_what_is_typed_so_that_mentions_are_recognised() -> None:
    assert all(each["should_escape"] is True for each in FEATURES["slash_commands"])


def test_people_can_write_to_the_app_and_it_needs_no_public_address() -> None:
    assert FEATURES["app_home"] == {
        "home_tab_enabled": True,
        "messages_tab_enabled": True,
        "messages_tab_read_only_enabled": False,
    }
    assert SETTINGS["socket_mode_enabled"] is True
    assert SETTINGS["interactivity"] == {"is_enabled": True}
    assert SETTINGS["token_rotation_enabled"] is False
    assert "assistant_view" not in FEATURES


def test_what_is_suggested_is_understood() -> None:
    prompts = FEATURES["agent_view"]["suggested_prompts"]
    assert all(isinstance(parse_said(each["message"]), Command) for each in prompts)


@pytest.mark.parametrize(
    ("text", "most"),
    [
        (MANIFEST["display_information"]["name"], 35),
        (MANIFEST["display_information"]["description"], 140),
        (FEATURES["bot_user"]["display_name"], 80),
        (FEATURES["agent_view"]["agent_description"], 300),
        *((each["name"], 24) for each in FEATURES["shortcuts"]),
        *((each["description"], 150) for each in FEATURES["shortcuts"]),
        *((each["command"], 32) for each in FEATURES["slash_commands"]),
        *((each["description"], 2000) for each in FEATURES["slash_commands"]),
        *((each.get("usage_hint", ""), 1000) for each in FEATURES["slash_commands"]),
    ],
)
def test_every_text_fits_into_what_slack_takes(text: str, most: int) -> None:
    assert len(text) <= most
