"""`sleepless slack`, and what doctor says of Slack without asking it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from fake_slack import FakeSlackThread
from fixtures_cli import Shell, shell
from interfaces.slack.manifest import FILE

__all__ = ["shell"]

LISTS = "slack: {allowed_users: [U1], allowed_channels: [C1], admins: [U2]}\n"


@pytest.fixture(autouse=True)
def _no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_API_URL", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def slack(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlackThread]:
    """A workspace, and a shell that has its tokens and lists."""
    with FakeSlackThread() as slack:
        slack.add_user("U1", name="ada")
        slack.add_user("U2", name="bob")
        slack.add_channel("C1", members={"U1"})
        monkeypatch.setenv("SLACK_BOT_TOKEN", slack.bot_token)
        monkeypatch.setenv("SLACK_APP_TOKEN", slack.app_token)
        monkeypatch.setenv("SLACK_API_URL", slack.api_url)
        shell.configure(LISTS)
        yield slack


def steps(shell: Shell, *options: str, code: int = 0) -> dict[str, Any]:
    result = shell.run("slack", "test", "--json", *options)
    assert result.exit_code == code, result.output
    return {step["about"]: step for step in json.loads(result.stdout)}


def doctor(shell: Shell) -> Any:
    found = json.loads(shell.run("doctor", "--json").stdout)
    return next(each for each in found if each["about"] == "slack")


def test_the_manifest_is_printed_to_the_byte(shell: Shell) -> None:
    assert shell.says("slack", "manifest") == FILE.read_text(encoding="utf-8")
    assert shell.json("slack", "manifest") == yaml.safe_load(FILE.read_text(encoding="utf-8"))


def test_where_all_is_well_every_step_says_so(shell: Shell, slack: FakeSlackThread) -> None:
    said = shell.says("slack", "test", terminal=True)
    assert "✗" not in said
    for about in ("tokens", "bot token", "app token", "scopes", "people", "channels"):
        assert f"{about}:" in said
    assert slack.connections == 0


def test_posting_is_tried_and_taken_back(shell: Shell, slack: FakeSlackThread) -> None:
    assert steps(shell, "--channel", "C1")["posting"]["fine"]
    assert steps(shell, "--user", "U1")["posting"]["fine"]
    assert slack.channel("C1") == []
    assert [call.method for call in slack.calls if call.method.startswith("chat.")] == [
        "chat.postMessage",
        "chat.delete",
    ] * 2


def test_a_channel_without_the_app_is_told_how_to_get_it_in(
    shell: Shell, slack: FakeSlackThread
) -> None:
    slack.add_channel("C2", bot_in=False)
    found = steps(shell, "--channel", "C2", code=1)["posting"]
    assert found["found"] == "C2: not_in_channel"
    assert found["advice"] == "Type /invite @Sleepless in that channel."


@pytest.mark.parametrize(
    ("fault", "about"), [("wrong_bot_token", "bot token"), ("wrong_app_token", "app token")]
)
def test_the_token_that_is_refused_is_named(
    shell: Shell, slack: FakeSlackThread, fault: str, about: str
) -> None:
    setattr(slack, fault, True)
    found = steps(shell, code=1)[about]
    assert found["advice"].startswith(f"SLACK_{about.upper().replace(' ', '_')} is refused")


def test_tokens_of_two_apps_are_told_apart(shell: Shell, slack: FakeSlackThread) -> None:
    slack.app_id = "A0OTHER"
    found = steps(shell, code=1)["app token"]
    assert "belongs to the app A0SLEEPLESS" in found["advice"]


def test_missing_permissions_are_named_with_what_they_cost(
    shell: Shell, slack: FakeSlackThread
) -> None:
    slack.scopes = slack.scopes - {"files:write", "im:write"}
    found = steps(shell, code=1)["scopes"]
    assert found["found"] == "missing: files:write, im:write"
    assert "im:write (no direct messages: no digest, no alerts)" in found["advice"]


def test_people_who_are_not_there_are_named(shell: Shell, slack: FakeSlackThread) -> None:
    shell.configure("slack: {allowed_users: [U404]}\n")
    assert steps(shell, code=1)["people"]["found"] == "U404: user_not_found"
    shell.configure("slack: {allowed_users: []}\n")
    assert "allowed_users is empty" in steps(shell, code=1)["people"]["found"]


def test_a_slack_that_does_not_answer_is_no_wrong_token(
    shell: Shell, slack: FakeSlackThread
) -> None:
    slack.fail("auth.test", 9, "service_unavailable")
    found = steps(shell, code=1)["bot token"]
    assert found["found"] == "Slack answers service_unavailable"
    assert "status.slack.com" in found["advice"]


def test_tokens_of_the_wrong_shape_are_never_sent_anywhere(
    shell: Shell, slack: FakeSlackThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", slack.app_token)
    said = shell.run("slack", "test")
    assert said.exit_code == 1
    assert "SLACK_BOT_TOKEN holds an app token (xapp-…)" in said.output
    assert slack.calls == []
    assert slack.app_token not in said.output


def test_a_channel_and_a_user_exclude_each_other(shell: Shell) -> None:
    assert "give one" in shell.refuses(2, "slack", "test", "--channel", "C1", "--user", "U1")
    assert "not '#general'" in shell.refuses(2, "slack", "test", "--channel", "#general")


def test_doctor_says_why_slack_is_off_and_who_may_use_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor(shell)["mark"] == "fine"
    assert doctor(shell)["value"].startswith("off: no Slack tokens")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1-" + "b" * 24)
    assert doctor(shell)["mark"] == "attention"
    assert "SLACK_APP_TOKEN is not" in doctor(shell)["advice"]
    monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-1-A0-" + "a" * 24)
    assert "nobody may use Slack" in doctor(shell)["advice"]
    shell.configure(LISTS)
    assert doctor(shell)["mark"] == "fine"
    assert doctor(shell)["value"] == ("tokens are there; allowed: 1 people, 1 channels, 1 admins")
