from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.errors import ConfigError
from core.settings import (
    BudgetSettings,
    ProjectSettings,
    Settings,
    VerifySettings,
    load_settings,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def loaded(file: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    file.write_text(text)
    return load_settings(file, environ or {})


def refusal(file: Path, text: str, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as refused:
        loaded(file, text, environ)
    return str(refused.value).removeprefix("Configuration: ").replace(f" (in {file})", "")


# --- layers -----------------------------------------------------------------------------------


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(environ={})
    assert settings == Settings()
    assert settings.budget.daily_budget_usd == Decimal("10.00")


def test_the_config_in_the_working_directory_is_read_when_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("web: {port: 1}")
    assert load_settings(environ={}).web.port == 1


def test_a_named_file_goes_before_the_one_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("web: {port: 1}")
    assert loaded(tmp_path / "other.yaml", "web: {port: 2}").web.port == 2


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "budget:\n", "projects:\nweb:\n"])
def test_nothing_in_the_file_or_in_a_section_means_defaults(file: Path, text: str) -> None:
    assert loaded(file, text) == Settings()


def test_the_environment_goes_over_the_file_key_by_key(file: Path) -> None:
    settings = loaded(
        file,
        "budget: {daily_budget_usd: 5, night_quota_percent: 50}",
        {"SLEEPLESS_BUDGET__DAILY_BUDGET_USD": "20"},
    )
    assert settings.budget.daily_budget == 20_000_000_000
    assert settings.budget.night_quota_percent == 50


@pytest.mark.parametrize(
    ("name", "value", "section", "expected"),
    [
        ("SLEEPLESS_BUDGET__DAILY_CAP", "false", "budget", {"daily_cap": False}),
        ("sleepless_budget__timezone", "Europe/Berlin", "budget", {"timezone": "Europe/Berlin"}),
        ("SLEEPLESS_BUDGET", '{"night_start": "22:00"}', "budget", {"night_start": time(22)}),
        ("SLEEPLESS_SLACK__ADMINS", "U1, W2", "slack", {"admins": ("U1", "W2")}),
        ("SLEEPLESS_SLACK__ADMINS", '["U1"]', "slack", {"admins": ("U1",)}),
        ("SLEEPLESS_LOGGING__LEVEL", "debug", "logging", {"level": "DEBUG"}),
        ("SLEEPLESS_VERIFY__COMMAND", "pytest -q", "verify", {"command": "pytest -q"}),
        ("SLEEPLESS_PROJECTS__APP__VERIFY", "make", "projects", {"app": {"verify": "make"}}),
        ("SLEEPLESS_BUDGET__DAILY_BUDGET_USD", "", "budget", {}),
        ("SLEEPLESS_HOME", "somebody else's", "budget", {}),
    ],
)
def test_the_environment_sets(
    file: Path, name: str, value: str, section: str, expected: dict[str, Any]
) -> None:
    changed = loaded(file, "", {name: value}).model_dump(exclude_defaults=True)
    assert changed == ({section: expected} if expected else {})


# --- reading YAML -----------------------------------------------------------------------------


def test_an_unquoted_time_of_day_is_a_time_of_day(file: Path) -> None:
    budget = loaded(file, "budget: {night_start: 20:30, night_end: 08:00}").budget
    assert (budget.night_start, budget.night_end) == (time(20, 30), time(8))


def test_words_and_numbers_of_old_yaml_are_not_guessed_at(file: Path) -> None:
    settings = loaded(file, "projects: {no: {verify: yes}, 2026: , 007: {}}\nagent: {resume: none}")
    assert set(settings.projects) == {"no", "2026", "007"}
    assert settings.projects["no"].verify == "yes"
    assert settings.agent.resume == "none"


def test_anchors_and_merges_work(file: Path) -> None:
    text = "projects:\n  one: &one {verify: make}\n  two: {<<: *one, verify_timeout_seconds: 9}\n"
    settings = loaded(file, text)
    assert settings.projects["two"] == ProjectSettings(verify="make", verify_timeout_seconds=9)


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("budget:\n  night_start: [", "line 2, column 17", "expected the node content"),
        ("a: b: c", "line 1, column 5", "mapping values are not allowed here"),
        ("\tbudget: {}", "line 1, column 1", "cannot start any token"),
        ("web:\n  port: 1\n  port: 2", "line 3, column 3", "the key 'port' is given twice"),
        ("? [a]\n: 1", "line 1, column 3", "a key should be a plain word"),
    ],
)
def test_bad_yaml_is_shown_by_file_line_and_column(
    file: Path, text: str, place: str, problem: str
) -> None:
    message = refusal(file, text)
    assert message.startswith(f"{file}, {place} is ")
    assert problem in message


def test_a_character_that_yaml_forbids_is_explained(file: Path) -> None:
    assert "this is not YAML: unacceptable character #x0001" in refusal(file, "\x01")


def test_a_file_that_is_no_mapping_is_refused(file: Path) -> None:
    assert "is ['a']: it should hold sections with keys" in refusal(file, "- a")


def test_a_file_that_cannot_be_read_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.yaml': there is no such file; give the path"):
        load_settings(tmp_path / "missing.yaml", {})
    with pytest.raises(ConfigError, match="it cannot be read: Is a directory"):
        load_settings(tmp_path, {})
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"budget: \xfc")
    with pytest.raises(ConfigError, match="byte 8 is not UTF-8"):
        load_settings(latin, {})


# --- refusing what is not known ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "budget: {daily_budgt_usd: 3}",
            (
                "budget.daily_budgt_usd is 3: there is no such key; "
                "did you mean budget.daily_budget_usd?"
            ),
        ),
        (
            "daily_budget_usd: 3",
            "daily_budget_usd is 3: there is no such key; did you mean budget.daily_budget_usd?",
        ),
        (
            "web: {timezone: UTC}",
            "web.timezone is 'UTC': there is no such key; did you mean budget.timezone?",
        ),
        (
            "projects: {my-app: {verfy: x}}",
            (
                "projects.my-app.verfy is 'x': there is no such key; "
                "did you mean projects.<slug>.verify?"
            ),
        ),
        (
            "colour: blue",
            "colour is 'blue': there is no such key; docs/configuration.md lists those that exist.",
        ),
    ],
)
def test_an_unknown_key_is_refused_by_name_with_the_nearest_one(
    file: Path, text: str, message: str
) -> None:
    assert refusal(file, text) == message


@pytest.mark.parametrize(
    "name", ["SLEEPLESS_BUDGT__DAILY_BUDGET_USD", "SLEEPLESS_BUDGET__DAILY_BUDGT_USD"]
)
def test_an_unknown_variable_is_refused_with_the_nearest_one(file: Path, name: str) -> None:
    message = refusal(file, "", {name: "20"})
    assert name in message
    assert message.endswith("did you mean SLEEPLESS_BUDGET__DAILY_BUDGET_USD?")


def test_a_variable_that_should_be_json_says_how_to_do_without(file: Path) -> None:
    message = refusal(file, "", {"SLEEPLESS_BUDGET": "{"})
    assert message == (
        "SLEEPLESS_BUDGET is '{': it is not JSON; give one key at a time, "
        "as SLEEPLESS_BUDGET__<KEY>=…"
    )


def test_a_secret_in_the_file_is_refused_without_showing_it(file: Path) -> None:
    message = refusal(file, "slack: {bot_token: correct-horse}")
    assert message.startswith("slack.bot_token is '[redacted]': there is no such key")


# --- refusing what makes no sense -------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("budget: 5", "budget is 5: it should be a section with keys such as budget.daily_budget"),
        ("projects: [a]", "projects is ['a']: it should be a section with keys such as projects."),
        ("budget: {daily_budget_usd: -1}", "budget.daily_budget_usd is -1: it is negative; give d"),
        ("budget: {daily_budget_usd: .nan}", "budget.daily_budget_usd is '.nan': give dollars"),
        ("budget: {daily_budget_usd: inf}", "budget.daily_budget_usd is 'inf': it is not finite"),
        ("budget: {daily_budget_usd: true}", "budget.daily_budget_usd is True: give dollars"),
        ("budget: {daily_budget_usd: }", "budget.daily_budget_usd is None: give dollars, for exa"),
        ("budget: {daily_budget_usd: 1000001}", "budget.daily_budget_usd is 1000001: it is more"),
        ("budget: {estimated_cost_usd: 0.0000000001}", "budget.estimated_cost_usd is 1e-10: it is"),
        ("budget: {night_quota_percent: 101}", "budget.night_quota_percent is 101: it should be a"),
        ("budget: {night_quota_percent: -1}", "budget.night_quota_percent is -1: it should be a p"),
        ("budget: {night_quota_percent: x}", "budget.night_quota_percent is 'x': it should be a p"),
        ("budget: {night_quota_percent: true}", "budget.night_quota_percent is True: it should be"),
        ("budget: {night_start: 24:00}", "budget.night_start is '24:00': it should be a time of"),
        ("budget: {night_start: 7:00}", "budget.night_start is '7:00': it should be a time of day"),
        ("budget: {night_start: 20}", 'budget.night_start is 20: it should be a time of day "HH:M'),
        ("budget: {night_start: 08:00}", "budget.night_end is '08:00': night_start is the same;"),
        ("budget: {timezone: Europe}", "budget.timezone is 'Europe': there is no such time zone"),
        ("budget: {timezone: /etc/passwd}", "budget.timezone is '/etc/passwd': there is no such"),
        ("budget: {timezone: ''}", "budget.timezone is '': there is no such time zone; give an IA"),
        ("budget: {timezone: utc+1}", "budget.timezone is 'utc+1': there is no such time zone"),
        ("budget: {accounting: x}", "budget.accounting is 'x': it should be 'window_and_day'."),
        ("budget: {daily_cap: 5}", "budget.daily_cap is 5: it should be a valid boolean"),
        ("scheduler: {max_parallel_tasks: 0}", "scheduler.max_parallel_tasks is 0: it should be g"),
        ("scheduler: {max_parallel_tasks: 65}", "scheduler.max_parallel_tasks is 65: it should be"),
        ("scheduler: {max_parallel_tasks: true}", "scheduler.max_parallel_tasks is True: it shoul"),
        ("scheduler: {lease_seconds: inf}", "scheduler.lease_seconds is 'inf': it should be a fin"),
        ("scheduler: {safety_poll_seconds: 0}", "scheduler.safety_poll_seconds is 0: it should be"),
        ("database: {url: sqlite://}", "database.url is 'sqlite://': it should be sqlite:///<file"),
        ("database: {url: 'sqlite:///:memory:'}", "database.url is 'sqlite:///:memory:': it shoul"),
        ("database: {backup_keep: -1}", "database.backup_keep is -1: it should be greater than or"),
        ("workspace: {root: ' '}", "workspace.root is ' ': it is empty; give a value, or leave"),
        ("agent: {backend: gpt}", "agent.backend is 'gpt': it should be 'claude' or 'rehearsal'."),
        ("agent: {model: --help}", "agent.model is '--help': it should be one word that starts"),
        ("agent: {model: 5}", "agent.model is 5: it should be a valid string."),
        ("agent: {timeout_seconds: 0}", "agent.timeout_seconds is 0: it should be greater than or"),
        ("verify: {command: ''}", "verify.command is '': it is empty; give a value, or leave the"),
        ("projects: {My App: }", "projects.My App is 'My App': it should be a project's slug: sm"),
        ("slack: {admins: [U1, bob]}", "slack.admins[1] is 'bob': it should be a member ID such a"),
        ("slack: {allowed_channels: [dev]}", "slack.allowed_channels[0] is 'dev': it should be a"),
        ("web: {port: 70000}", "web.port is 70000: it should be less than or equal to 65535."),
        ("logging: {level: loud}", "logging.level is 'LOUD': it should be 'DEBUG', 'INFO', 'WARNI"),
    ],
)
def test_a_bad_value_is_refused_with_its_path_and_what_would_be_right(
    file: Path, text: str, message: str
) -> None:
    assert refusal(file, text).startswith(message)


def test_a_zone_in_the_wrong_case_is_recognised(file: Path) -> None:
    message = refusal(file, "budget: {timezone: europe/berlin}")
    assert message.endswith("did you mean Europe/Berlin?")


def test_a_lease_needs_two_heartbeats_even_when_the_heartbeat_is_the_default(file: Path) -> None:
    assert refusal(file, "scheduler: {lease_seconds: 30}") == (
        "scheduler.heartbeat_seconds is 15: "
        "it should be less than half of scheduler.lease_seconds, which is 30."
    )
    assert loaded(file, "scheduler: {lease_seconds: 30.5}").scheduler.lease_seconds == 30.5


def test_the_password_of_a_database_is_not_repeated(file: Path) -> None:
    message = refusal(file, "database: {url: 'mysql://me:correct-horse@host/db'}")
    assert "correct-horse" not in message
    url = "postgresql+psycopg://me:correct-horse@host/db"
    settings = loaded(file, f"database: {{url: '{url}'}}")
    assert settings.database.url == url
    assert "correct-horse" not in repr(settings)


def test_the_origin_of_a_bad_value_is_named(file: Path) -> None:
    file.write_text("web: {port: 70000}")
    with pytest.raises(ConfigError, match=rf"web\.port \(in {file}\) is 70000"):
        load_settings(file, {})
    with pytest.raises(ConfigError, match=r"web\.port \(from SLEEPLESS_WEB__PORT\) is 'x'"):
        load_settings(file, {"SLEEPLESS_WEB__PORT": "x"})


def test_the_other_wrong_keys_are_named_too(file: Path) -> None:
    message = refusal(file, "web: {port: -1}\nlogging: {level: x, format: y}")
    assert message.endswith(" (also wrong: logging.level, logging.format)")


# --- what the values mean ---------------------------------------------------------------------


def test_twenty_dollars_come_out_as_twenty_dollars(file: Path) -> None:
    budget = loaded(file, "budget: {daily_budget_usd: 20, estimated_cost_usd: 0.1}").budget
    assert (budget.daily_budget, budget.estimated_cost) == (20_000_000_000, 100_000_000)


@given(st.integers(min_value=0, max_value=10**15))
def test_every_amount_of_whole_nano_dollars_is_kept_exactly(nano: int) -> None:
    assert BudgetSettings(daily_budget_usd=Decimal(nano).scaleb(-9)).daily_budget == nano


@pytest.mark.parametrize("percent", ["0", "33.3", "90", "99.995", "100"])
def test_a_percentage_is_exact(file: Path, percent: str) -> None:
    budget = loaded(file, f"budget: {{night_quota_percent: {percent}}}").budget
    assert budget.night_quota_percent == Decimal(percent)


@pytest.mark.parametrize(("start", "end"), [("22:00", "06:00"), ("01:00", "09:00")])
def test_the_night_may_cross_midnight_or_lie_within_a_day(file: Path, start: str, end: str) -> None:
    budget = loaded(file, f"budget: {{night_start: {start}, night_end: {end}}}").budget
    assert f"{budget.night_start:%H:%M}-{budget.night_end:%H:%M}" == f"{start}-{end}"


def test_the_zone_is_ready_to_use() -> None:
    assert BudgetSettings(timezone="Australia/Lord_Howe").zone.key == "Australia/Lord_Howe"


def test_a_home_directory_is_expanded(file: Path) -> None:
    root = loaded(file, "workspace: {root: ~/night}").workspace.root
    assert root == Path("~/night").expanduser()


def test_a_project_may_verify_in_its_own_way(file: Path) -> None:
    settings = loaded(
        file,
        """
        verify: {command: make, timeout_seconds: 60}
        projects:
          own: {verify: pytest -q, verify_timeout_seconds: 5}
          half: {verify_timeout_seconds: 7}
        """,
    )
    assert settings.verify_for("own") == VerifySettings(command="pytest -q", timeout_seconds=5)
    assert settings.verify_for("half") == VerifySettings(command="make", timeout_seconds=7)
    assert settings.verify_for("other") == settings.verify
    assert settings.verify_for(None) == settings.verify


def test_settings_do_not_change() -> None:
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.budget.daily_cap = False
    with pytest.raises(ValidationError, match="frozen"):
        settings.budget = BudgetSettings()


def test_settings_built_by_hand_read_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUDGET", '{"daily_budget_usd": 1}')
    monkeypatch.setenv("SLEEPLESS_BUDGET__DAILY_BUDGET_USD", "1")
    assert Settings().budget.daily_budget_usd == Decimal("10.00")
