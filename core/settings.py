"""Every setting there is: defaults here, then config.yaml, then the environment.

config.yaml and docs/configuration.md repeat this tree for people; a test holds the three together.
"""

import os
from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from core.credentials import Credentials, take_credentials
from core.money import Nano, to_nano
from core.settings_sources import Values, explain, read_config_file, read_environment
from core.settings_values import (
    Channels,
    Command,
    Count,
    CountFromZero,
    DatabaseUrl,
    Directory,
    Dollars,
    Level,
    Members,
    ParallelTasks,
    Percent,
    Port,
    Seconds,
    Slug,
    WallTime,
    WholeSeconds,
    Word,
    ZoneName,
)

__all__ = ["Credentials", "Settings", "load_settings", "take_credentials"]

DEFAULT_CONFIG = Path("config.yaml")


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class BudgetSettings(Section):
    daily_budget_usd: Dollars = Field(
        default=Decimal("10.00"), description="dollars a day, day and night"
    )
    night_quota_percent: Percent = Field(
        default=Decimal(90),
        description="share of the daily budget that is kept for the night, 0 to 100",
    )
    night_start: WallTime = Field(default=time(20), description="when the night opens, HH:MM")
    night_end: WallTime = Field(default=time(8), description="when the night closes, HH:MM")
    timezone: ZoneName = Field(default="UTC", description="IANA zone of night_start and night_end")
    estimated_cost_usd: Dollars = Field(
        default=Decimal("0.50"), description="dollars put aside when a task starts; no kill line"
    )
    accounting: Literal["window_and_day"] = Field(
        default="window_and_day",
        description="how limits are counted: a quota per window and a cap per day",
    )
    daily_cap: bool = Field(
        default=True, description="false drops the cap per UTC day and leaves the windows' quotas"
    )

    @field_validator("night_end")
    @classmethod
    def _night_has_a_length(cls, end: time, info: ValidationInfo) -> time:
        if end == info.data.get("night_start"):
            raise ValueError("night_start is the same; give the night a length.")
        return end

    @property
    def daily_budget(self) -> Nano:
        return to_nano(self.daily_budget_usd)

    @property
    def estimated_cost(self) -> Nano:
        return to_nano(self.estimated_cost_usd)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class SchedulerSettings(Section):
    max_parallel_tasks: ParallelTasks = Field(
        default=3,
        description="tasks that run at the same time, 1 to 64; a project runs one at a time",
    )
    lease_seconds: Seconds = Field(
        default=60, description="a run unheard of for this long is given up"
    )
    heartbeat_seconds: Seconds = Field(
        default=15, description="how often a run renews its lease; less than half of lease_seconds"
    )
    safety_poll_seconds: Seconds = Field(
        default=5, description="how often to look for work that no wake-up announced"
    )
    max_attempts: Count = Field(
        default=3, description="attempts at a task that fails for passing reasons"
    )
    max_crashes: Count = Field(
        default=3, description="times a task may take its run down before it fails"
    )

    @field_validator("heartbeat_seconds")
    @classmethod
    def _beats_twice_in_a_lease(cls, heartbeat: float, info: ValidationInfo) -> float:
        lease = info.data.get("lease_seconds")
        if lease is not None and heartbeat >= lease / 2:
            raise ValueError(
                f"it should be less than half of scheduler.lease_seconds, which is {lease:g}."
            )
        return heartbeat


class DatabaseSettings(Section):
    # a password may be in it
    url: DatabaseUrl = Field(
        default="sqlite:///sleepless_agent.db",
        description="sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE",
        repr=False,
    )
    backup_keep: CountFromZero = Field(
        default=5, description="how many backup copies of the database to keep"
    )


class WorkspaceSettings(Section):
    root: Directory = Field(
        default=Path("workspace"), description="where projects and tasks have their working trees"
    )


class AgentSettings(Section):
    backend: Literal["claude", "rehearsal"] = Field(
        default="claude", description="claude, or rehearsal: the same program with a scripted model"
    )
    model: Word = Field(default="claude-sonnet-5-5", description="the model that tasks run on")
    max_turns: Count = Field(default=200, description="turns a run may take")
    timeout_seconds: WholeSeconds = Field(
        default=3600, description="a run is stopped after this long"
    )
    idle_timeout_seconds: WholeSeconds = Field(
        default=600, description="a run that says nothing for this long is stopped"
    )
    resume: Literal["session", "digest", "none"] = Field(
        default="session",
        description="what a project's next task knows: the session, a digest of earlier runs, none",
    )
    digest_runs: Count = Field(default=5, description="how many earlier runs a digest tells of")


class VerifySettings(Section):
    command: Command = Field(
        default=None, description="shell-like command that decides whether a run's work is good"
    )
    timeout_seconds: WholeSeconds = Field(
        default=600, description="the command is stopped after this long"
    )


class ProjectSettings(Section):
    verify: Command = Field(default=None, description="this project's own verify.command")
    verify_timeout_seconds: WholeSeconds | None = Field(
        default=None, description="this project's own verify.timeout_seconds"
    )


class SlackSettings(Section):
    """Read by the Slack app alone; an empty list lets nobody in."""

    allowed_users: Members = Field(
        default=(), description="member IDs that may command the Slack app"
    )
    allowed_channels: Channels = Field(
        default=(), description="channel IDs the Slack app answers in"
    )
    admins: Members = Field(
        default=(), description="member IDs that may also change what others asked for"
    )
    digest_at: WallTime = Field(
        default=time(8), description="when the morning digest comes, HH:MM in each reader's zone"
    )
    commands_per_minute: Count = Field(
        default=30, description="how many commands and clicks one person may send in a minute"
    )


class WebSettings(Section):
    """Read by the web page alone."""

    host: Word = Field(default="127.0.0.1", description="address the web page listens on")
    port: Port = Field(default=8787, description="port the web page listens on")


class LoggingSettings(Section):
    level: Level = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")
    format: Literal["auto", "console", "json"] = Field(
        default="auto",
        description="console, json, or auto: console on a terminal and json elsewhere",
    )


class Settings(BaseSettings):
    """The whole tree. Built by hand it reads nothing but its arguments; see `load_settings`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", validate_default=True)

    budget: BudgetSettings = BudgetSettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    database: DatabaseSettings = DatabaseSettings()
    workspace: WorkspaceSettings = WorkspaceSettings()
    agent: AgentSettings = AgentSettings()
    verify: VerifySettings = VerifySettings()
    projects: dict[Slug, ProjectSettings] = {}
    slack: SlackSettings = SlackSettings()
    web: WebSettings = WebSettings()
    logging: LoggingSettings = LoggingSettings()

    @field_validator("projects", mode="before")
    @classmethod
    def _empty_means_defaults(cls, projects: Any) -> Any:
        if not isinstance(projects, dict):
            return projects
        return {slug: {} if own is None else own for slug, own in projects.items()}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is given
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    def verify_for(self, project: str | None) -> VerifySettings:
        """What decides whether work is good: the project's own words over the general ones."""
        own = self.projects.get(project or "", ProjectSettings())
        return VerifySettings(
            command=own.verify or self.verify.command,
            timeout_seconds=own.verify_timeout_seconds or self.verify.timeout_seconds,
        )


def load_settings(config: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Defaults < file < environment. The file is `config`, else ./config.yaml where there is one.

    Raises ConfigError, with path, value and advice, for the first thing that is wrong.
    """
    file = config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    in_file = read_config_file(file) if file else {}
    in_environment = read_environment(Settings, environ)
    try:
        return Settings(**_over(in_file, in_environment))
    except ValidationError as error:
        raise explain(error, Settings, file, in_environment) from None


def _over(lower: Values, upper: Values) -> Values:
    """`upper` laid over `lower`, key by key through the sections."""
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = _over(dict(below or {}), value) if both else value
    return merged
