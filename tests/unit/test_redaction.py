from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from core.redaction import (
    REDACTED,
    forget_redactions,
    is_secret_name,
    redact,
    redacted,
    without_secrets,
)

# put together here, so that no scanner takes this file for a leak
ANTHROPIC = "sk-" + "ant-api03-abcDEF_123-456"


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    forget_redactions()


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "API_KEY",
        "x-api-key",
        "X-Api-Key",
        "apiKey",
        "accessToken",
        "token",
        "SLACK_BOT_TOKEN",
        "slack.bot_token",
        "Authorization",
        "password",
        "db_password",
        "client_secret",
        "Set-Cookie",
    ],
)
def test_a_telling_name_is_told(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["tokens_used", "input_tokens", "tokens", "tokenizer", "secretary", "keyboard", "event", ""],
)
def test_a_name_that_only_holds_such_a_word_is_not(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "secret",
    [
        ANTHROPIC,
        "sk-" + "proj-abcdefghij0123456789abcd",
        "xoxb-" + "123456-abcdef",
        "xapp-" + "1-A012-345-abcdef",
        "ghp_" + "a" * 36,
        "github_pat_" + "a" * 40,
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "AIza" + "a" * 35,
        "eyJhbGciOiJIUzI1" + ".eyJzdWIiOiIxMjM0" + ".abc-def",
        "-----BEGIN RSA PRIVATE KEY-----\nabc\ndef\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\ncut off",
    ],
)
def test_what_looks_like_a_key_goes_wherever_it_stands(secret: str) -> None:
    assert without_secrets(f"key={secret}") == f"key={REDACTED}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abcdefghijkl.mn", f"Authorization: Bearer {REDACTED}"),
        ("postgresql+psycopg://me:pass@host/db", f"postgresql+psycopg://me:{REDACTED}@host/db"),
        ("https://:pass@host", f"https://:{REDACTED}@host"),
    ],
)
def test_only_the_secret_part_goes(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "task/12-implement-user-authentication",
        "desk-top-and-a-very-long-hyphenated-word",
        "Basic setup of the project",
        "http://127.0.0.1:8787/tasks/7@main",
        "Used 1234 tokens for $0.0721",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert without_secrets(text) == text


def test_a_known_secret_goes_also_when_another_is_its_beginning() -> None:
    redact("correct-horse")
    redact("correct-horse-battery")
    assert without_secrets("correct-horse-battery correct-horse") == f"{REDACTED} {REDACTED}"


def test_a_secret_too_short_to_be_one_does_not_blot_out_the_language() -> None:
    redact("a")
    redact("")
    assert without_secrets("a cat") == "a cat"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("api_key", "anything", REDACTED),
        ("password", b"anything", REDACTED),
        ("fencing_token", 7, 7),
        ("tokens_used", 1234, 1234),
        ("cost", Decimal("0.1"), Decimal("0.1")),
        ("data", b"\xff" + ANTHROPIC.encode(), f"\\xff{REDACTED}"),
        ("headers", {"X-Api-Key": "k", "accept": "*"}, {"X-Api-Key": REDACTED, "accept": "*"}),
        ("argv", ["a", (ANTHROPIC,)], ["a", [REDACTED]]),
        ("deep", {1: [{"token": "t"}]}, {"1": [{"token": REDACTED}]}),
    ],
)
def test_values_are_redacted_by_name_shape_and_depth(name: str, value: Any, shown: Any) -> None:
    assert redacted(name, value) == shown
