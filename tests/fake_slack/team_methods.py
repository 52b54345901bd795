"""Who and what is there, agent sessions, and files in their three steps."""

import secrets

from fake_slack import rendering
from fake_slack.chat_methods import content, thread_of
from fake_slack.registry import channel_for, method, required, structure, writable
from fake_slack.values import Json, Refused, SessionStatus, SlackFile, SlackMessage
from fake_slack.workspace import Workspace

STATUSES = {"processing", "active", "suspended", "closed"}


@method("auth.test")
def auth_test(slack: Workspace, _args: Json) -> Json:
    return {
        "url": "https://home.slack.com/",
        "team": "Home",
        "user": slack.users[slack.bot_user].name,
        "team_id": slack.team_id,
        "user_id": slack.bot_user,
        "bot_id": slack.bot_id,
        "is_enterprise_install": False,
    }


@method("bots.info")
def bots_info(slack: Workspace, args: Json) -> Json:
    if args.get("bot") != slack.bot_id:
        raise Refused("bot_not_found")
    bot = {"id": slack.bot_id, "app_id": slack.app_id, "user_id": slack.bot_user}
    return {"bot": bot | {"name": slack.users[slack.bot_user].name, "deleted": False}}


@method("team.info")
def team_info(slack: Workspace, _args: Json) -> Json:
    return {"team": {"id": slack.team_id, "name": "Home", "domain": "home"}}


@method("users.info")
def users_info(slack: Workspace, args: Json) -> Json:
    found = slack.users.get(str(args.get("user")))
    if found is None:
        raise Refused("user_not_found")
    return {"user": rendering.person(found, slack.clock.now(), slack.team_id)}


@method("agents.sessions.setStatus")
def set_status(slack: Workspace, args: Json) -> Json:
    place, (status,) = _session(slack, args), required(args, "status")
    if status not in STATUSES:
        raise Refused("invalid_arguments")
    title, initiator = args.get("title"), args.get("initiator_user_id")
    said = SessionStatus(status, title, initiator, slack.clock.now())
    slack.sessions.setdefault(place, []).append(said)
    if title:
        slack.titles[place] = str(title)
    slack.changed()
    return {"status": status}


@method("agents.sessions.rename")
def rename(slack: Workspace, args: Json) -> Json:
    place, (title,) = _session(slack, args), required(args, "title")
    if place not in slack.sessions:
        raise Refused("session_not_found")
    slack.titles[place] = title
    slack.changed()
    return {}


def _session(slack: Workspace, args: Json) -> tuple[str, str | None]:
    if not slack.is_agent:
        raise Refused("not_authorized")
    channel = channel_for(slack, args, name="channel_id")
    return channel.id, thread_of(slack, channel, args)


@method("files.getUploadURLExternal")
def upload_url(slack: Workspace, args: Json) -> Json:
    name, length = required(args, "filename", "length")
    if not length.isdecimal() or int(length) == 0:
        raise Refused("invalid_arguments")
    file_id = f"F{secrets.token_hex(5).upper()}"
    kind = args.get("snippet_type")
    slack.uploads[file_id] = SlackFile(file_id, name, int(length), str(kind) if kind else None)
    return {"upload_url": f"{slack.url}/upload/{file_id}", "file_id": file_id}


@method("files.completeUploadExternal")
def complete_upload(slack: Workspace, args: Json) -> Json:
    """Shares what was uploaded as one message."""
    wanted: list[Json] = structure(args, "files", [])
    files = [_uploaded(slack, str(each.get("id"))) for each in wanted]
    if not files:
        raise Refused("invalid_arguments")
    for file, given in zip(files, wanted, strict=True):
        file.title = str(given.get("title") or file.name)
    if args.get("channel_id"):
        _share(slack, args, files)
    slack.changed()
    return {"files": [{"id": file.id, "title": file.title} for file in files]}


def _uploaded(slack: Workspace, file_id: str) -> SlackFile:
    found = slack.uploads.get(file_id)
    if found is None or not found.uploaded or found.channel:
        raise Refused("file_not_found")
    return found


def _share(slack: Workspace, args: Json, files: list[SlackFile]) -> None:
    channel = writable(slack, args, name="channel_id")
    thread_ts = thread_of(slack, channel, args)
    text = str(args.get("initial_comment") or "")
    if text:
        content({"text": text})
    for file in files:
        file.channel, file.thread_ts = channel.id, thread_ts
    by = (slack.bot_user, slack.bot_id)
    slack.store(SlackMessage(slack.new_ts(), channel.id, text, [], *by, thread_ts, files=files))
