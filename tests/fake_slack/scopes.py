"""Which Web API method needs which scope."""

#: method → scope, or none; the ones that hang on the kind of conversation are asked for there
SCOPES = {
    "agents.sessions.rename": "chat:write",
    "agents.sessions.setStatus": "chat:write",
    "apps.connections.open": "",
    "auth.test": "",
    "bots.info": "users:read",
    "chat.delete": "chat:write",
    "chat.getPermalink": "",
    "chat.postEphemeral": "chat:write",
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "conversations.history": "",
    "conversations.info": "",
    "conversations.members": "",
    "conversations.open": "im:write",
    "conversations.replies": "",
    "files.completeUploadExternal": "files:write",
    "files.getUploadURLExternal": "files:write",
    "reactions.add": "reactions:write",
    "reactions.remove": "reactions:write",
    "team.info": "team:read",
    "users.info": "users:read",
    "views.open": "",
    "views.publish": "",
    "views.push": "",
    "views.update": "",
}

#: conversation type → what its history, its facts need
HISTORY = {"channel": "channels:history", "group": "groups:history", "im": "im:history"}
FACTS = {"channel": "channels:read", "group": "groups:read", "im": "im:read"}

ALL_SCOPES = {
    *(scope for scope in SCOPES.values() if scope),
    *HISTORY.values(),
    *FACTS.values(),
    "app_mentions:read",
    "assistant:write",
    "commands",
    "reactions:read",
}
