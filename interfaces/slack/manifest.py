"""What Slack is told of the app, and what each permission is for.

Imports nothing of Slack's library, so that `sleepless slack manifest` is quick.
"""

from pathlib import Path
from typing import Any, Final

import yaml

FILE: Final = Path(__file__).with_name("manifest.yaml")

#: scope → what does not work without it
WITHOUT: Final = {
    "app_mentions:read": "mentions of the app go unheard",
    "assistant:write": "Slack itself does not show whether a task works, and has no Stop for it",
    "channels:history": "replies in threads of public channels go unheard, and a message that was"
    " on its way when the daemon died may come twice",
    "chat:write": "no cards, no results, no answers to mentions: nothing can be posted",
    "commands": "no slash commands and no shortcut",
    "files:write": "diffs and long logs are not attached",
    "groups:history": "as channels:history, in private channels",
    "im:history": "direct messages go unheard",
    "im:write": "no direct messages: no digest, no alerts",
    "reactions:write": "instructions in a thread are taken, and no reaction says so",
    "users:read": "time zones and names are unknown; times are read in budget.timezone",
}


def manifest_text() -> str:
    return FILE.read_text(encoding="utf-8")


def manifest() -> dict[str, Any]:
    return dict(yaml.safe_load(manifest_text()))


def wanted_scopes() -> frozenset[str]:
    return frozenset(manifest()["oauth_config"]["scopes"]["bot"])


def missing_scopes(granted: frozenset[str]) -> dict[str, str]:
    """Scope → what it costs to be without it."""
    return {scope: WITHOUT[scope] for scope in sorted(wanted_scopes() - granted)}
