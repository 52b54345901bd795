from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.credentials import SECRET_NAMES, take_credentials
from core.errors import ConfigError
from core.redaction import forget_redactions, without_secrets


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    forget_redactions()


def test_secrets_are_taken_out_of_the_environment_and_nothing_else_is() -> None:
    environ = dict.fromkeys(SECRET_NAMES, "correct-horse") | {"HOME": "/home/me"}
    credentials = take_credentials(environ)
    assert environ == {"HOME": "/home/me"}
    assert credentials.anthropic_api_key == SecretStr("correct-horse")
    assert credentials.missing == ()


def test_what_is_empty_counts_as_missing() -> None:
    credentials = take_credentials({"ANTHROPIC_API_KEY": "", "OPENAI_API_KEY": " \n"})
    assert credentials.missing == SECRET_NAMES


def test_a_secret_is_neither_printed_nor_logged_from_then_on() -> None:
    credentials = take_credentials({"SLACK_BOT_TOKEN": "correct-horse"})
    assert "correct-horse" not in repr(credentials)
    assert without_secrets("say correct-horse twice") == "say [redacted] twice"


@pytest.mark.parametrize("spelling", ["anthropic_api_key", "ANTHROPIC_API_KEY"])
def test_systemd_credentials_are_read_in_either_case(tmp_path: Path, spelling: str) -> None:
    (tmp_path / spelling).write_text("correct-horse\n")
    credentials = take_credentials({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert credentials.anthropic_api_key == SecretStr("correct-horse")


def test_the_environment_goes_before_a_file_and_an_empty_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "anthropic_api_key").write_text("from-the-file")
    (tmp_path / "openai_api_key").write_text("\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "ANTHROPIC_API_KEY": "from-outside"}
    credentials = take_credentials(environ)
    assert credentials.anthropic_api_key == SecretStr("from-outside")
    assert credentials.openai_api_key is None


def test_a_credential_that_is_no_text_is_refused_without_showing_it(tmp_path: Path) -> None:
    (tmp_path / "slack_app_token").write_bytes(b"\xff\xfesecret")
    with pytest.raises(ConfigError, match="it cannot be read") as refused:
        take_credentials({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert "secret" not in str(refused.value)


def test_upstream_addresses_are_read_and_left_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "slack_api_url").write_text("http://127.0.0.1:9/api/")
    environ = {
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:8",
        "CREDENTIALS_DIRECTORY": str(tmp_path),
    }
    before = dict(environ)
    credentials = take_credentials(environ)
    assert credentials.anthropic_base_url == "http://127.0.0.1:8"
    assert credentials.slack_api_url == "http://127.0.0.1:9/api/"
    assert credentials.openai_base_url is None
    assert environ == before


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="ANTHROPIC_BASE_URL is 'localhost:8': give an address"):
        take_credentials({"ANTHROPIC_BASE_URL": "localhost:8"})


def test_a_credential_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "anthropic_api_key").mkdir()
    with pytest.raises(ConfigError, match=r"anthropic_api_key.*IsADirectoryError"):
        take_credentials({"CREDENTIALS_DIRECTORY": str(tmp_path)})
