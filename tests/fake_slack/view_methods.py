"""views.*: modals and the App Home."""

import secrets
from datetime import timedelta

from fake_slack import rendering
from fake_slack.blocks import view_problems
from fake_slack.forms import state_values
from fake_slack.registry import method, required, structure
from fake_slack.values import Json, Refused
from fake_slack.workspace import Workspace

TRIGGER_LIFE = timedelta(seconds=3)
#: views on top of one another
DEEPEST = 3


@method("views.open")
def open_view(slack: Workspace, args: Json) -> Json:
    view = checked(args, "modal")
    user = redeem(slack, args)
    made = add(slack, view, user)
    return {"view": rendering.view(made)}


@method("views.push")
def push(slack: Workspace, args: Json) -> Json:
    view = checked(args, "modal")
    user = redeem(slack, args)
    below = slack.open_view(user)
    if below is None:
        raise Refused("not_found")
    return {"view": rendering.view(add(slack, view, user, below))}


@method("views.update")
def update(slack: Workspace, args: Json) -> Json:
    view = checked(args, "modal")
    found = [
        shown
        for shown in slack.views.values()
        if shown["id"] == args.get("view_id")
        or (args.get("external_id") and shown["external_id"] == args["external_id"])
    ]
    if not found:
        raise Refused("not_found")
    refuse_old_hash(args, found[0])
    return {"view": rendering.view(replace(slack, found[0], view))}


@method("views.publish")
def publish(slack: Workspace, args: Json) -> Json:
    (user,) = required(args, "user_id")
    if user not in slack.users:
        raise Refused("user_not_found")
    view, shown = checked(args, "home"), slack.homes.get(user)
    if shown:
        refuse_old_hash(args, shown)
    kept = {"id": shown["id"], "root_view_id": shown["id"]} if shown else {}
    slack.homes[user] = complete(slack, view, user) | kept
    slack.changed()
    return {"view": rendering.view(slack.homes[user])}


def checked(args: Json, type_: str) -> Json:
    view = structure(args, "view", {})
    problems = view_problems(view, type_)
    if problems:
        told = [f"[ERROR] {problem}" for problem in problems]
        raise Refused("invalid_arguments", response_metadata={"messages": told})
    return dict(view)


def redeem(slack: Workspace, args: Json) -> str:
    """Whose trigger it is; it opens one view, and only at once."""
    (trigger,) = required(args, "trigger_id")
    issued = slack.triggers.get(trigger)
    if issued is None:
        raise Refused("invalid_trigger_id")
    if slack.expire_triggers or slack.clock.now() - issued.at > TRIGGER_LIFE:
        raise Refused("expired_trigger_id")
    if trigger in slack.exchanged:
        raise Refused("exchanged_trigger_id")
    slack.exchanged.add(trigger)
    return issued.user


def refuse_old_hash(args: Json, shown: Json) -> None:
    if args.get("hash") and args["hash"] != shown["hash"]:
        raise Refused("hash_conflict")


def add(slack: Workspace, view: Json, user: str, below: Json | None = None) -> Json:
    made = complete(slack, view, user)
    if below:
        depth = sum(
            shown["root_view_id"] == below["root_view_id"] for shown in slack.views.values()
        )
        if depth >= DEEPEST:
            raise Refused("push_limit_reached")
        made |= {"previous_view_id": below["id"], "root_view_id": below["root_view_id"]}
    slack.views[made["id"]] = made
    slack.changed()
    return made


def replace(slack: Workspace, shown: Json, view: Json) -> Json:
    kept = ("id", "root_view_id", "previous_view_id")
    made = complete(slack, view, shown["_user"]) | {key: shown[key] for key in kept}
    slack.views[shown["id"]] = made
    slack.changed()
    return made


def complete(slack: Workspace, view: Json, user: str) -> Json:
    """A view as Slack keeps it."""
    blocks = rendering.with_ids(view["blocks"])
    made = {
        "id": f"V{secrets.token_hex(5).upper()}",
        "team_id": slack.team_id,
        "callback_id": "",
        "private_metadata": "",
        "external_id": "",
        "clear_on_close": False,
        "notify_on_close": False,
        "previous_view_id": None,
        "app_id": slack.app_id,
        "bot_id": slack.bot_id,
        "app_installed_team_id": slack.team_id,
        "title": None,
        "close": None,
        "submit": None,
        "hash": f"{slack.new_ts().split('.')[0]}.{secrets.token_hex(4)}",
    }
    made |= view | {"blocks": blocks, "state": {"values": state_values(blocks)}, "_user": user}
    return made | {"root_view_id": made["id"]}
