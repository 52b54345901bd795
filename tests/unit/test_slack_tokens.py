"""What is said of tokens before Slack is asked."""

import pytest

from core.credentials import Credentials
from core.settings import SlackSettings
from interfaces.slack.connecting.tokens import Refused, Tokens, nobody_may, off_because, tokens_of

BOT = "xoxb-123456789012-" + "b" * 24
APP = "xapp-1-A012ABCDEF-123456-" + "a" * 24


def given(bot: str | None = BOT, app: str | None = APP) -> Credentials:
    return Credentials.model_validate({"slack_bot_token": bot, "slack_app_token": app})


def test_two_tokens_of_the_right_shape_are_taken() -> None:
    tokens = tokens_of(given())
    assert isinstance(tokens, Tokens)
    assert tokens.app_id == "A012ABCDEF"
    assert off_because(given()) is None


@pytest.mark.parametrize(
    ("bot", "app", "said"),
    [
        (None, None, "no Slack tokens: SLACK_BOT_TOKEN and SLACK_APP_TOKEN are not set"),
        (BOT, None, "SLACK_BOT_TOKEN is set and SLACK_APP_TOKEN is not"),
        (None, APP, "SLACK_APP_TOKEN is set and SLACK_BOT_TOKEN is not"),
        (APP, BOT, "SLACK_BOT_TOKEN holds an app token (xapp-…)"),
        (BOT, BOT, "SLACK_APP_TOKEN holds a bot token (xoxb-…)"),
        ("xoxp-1-" + "u" * 24, APP, "SLACK_BOT_TOKEN holds a user token (xoxp-…)"),
        ("xoxe.xoxb-1-" + "u" * 24, APP, "switch token rotation off"),
        (f'"{BOT}"', APP, "SLACK_BOT_TOKEN holds a token in quotes"),
        (f"{BOT} {APP}", APP, "SLACK_BOT_TOKEN holds only a part of a token, or more than one"),
        ("xoxb-", APP, "only a part of a token, or more than one (5 characters)"),
        ("hunter2-hunter2", APP, "SLACK_BOT_TOKEN holds no Slack token; it should be the Bot User"),
    ],
)
def test_what_is_wrong_is_named_and_the_token_never_shown(
    bot: str | None, app: str | None, said: str
) -> None:
    refused = tokens_of(given(bot, app))
    assert isinstance(refused, Refused)
    assert said in refused.sentence
    assert off_because(given(bot, app)) == refused.sentence
    for token in filter(None, (bot, app)):
        assert len(token) < 8 or token not in refused.sentence


def test_empty_lists_are_told_of_because_they_let_nobody_in() -> None:
    assert nobody_may(SlackSettings()) == "nobody may use Slack: slack.allowed_users is empty"
    alone = nobody_may(SlackSettings(allowed_users=("U012ABCDEF",)))
    assert alone is not None
    assert alone.startswith("Slack is used in direct messages alone")
    both = SlackSettings(allowed_users=("U012ABCDEF",), allowed_channels=("C012ABCDEF",))
    assert nobody_may(both) is None
