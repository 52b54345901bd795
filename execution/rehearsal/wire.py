"""The Messages dialect on the wire: what an answer looks like, streamed and whole."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from execution.rehearsal.playbook import Answer, Refusal, Tokens, ToolCall

Event = dict[str, Any]

#: characters in one text delta; real streams come in pieces of about a word
CHUNK = 48

_PATH_ARGUMENTS = ("file_path", "path")

#: status → the API's own name for it, and what it usually says
ERRORS: dict[int, tuple[str, str]] = {
    400: ("invalid_request_error", "The rehearsal refuses this request."),
    401: ("authentication_error", "invalid x-api-key"),
    403: ("permission_error", "The rehearsal does not permit this."),
    404: ("not_found_error", "Not found"),
    429: ("rate_limit_error", "This request would exceed your account's rate limit."),
    500: ("api_error", "Internal server error"),
    529: ("overloaded_error", "Overloaded"),
}


def error_body(refusal: Refusal) -> Event:
    kind, usual = ERRORS.get(refusal.status, ("api_error", "Error"))
    return {"type": "error", "error": {"type": kind, "message": refusal.message or usual}}


def error_headers(refusal: Refusal) -> dict[str, str]:
    if refusal.retry_after is None:
        return {}
    return {"retry-after": str(refusal.retry_after)}


def usage(tokens: Tokens) -> dict[str, Any]:
    return {
        "input_tokens": tokens.input,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": tokens.cache_write,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": tokens.output,
        "service_tier": "standard",
    }


def content(answer: Answer, message_id: str, cwd: str | None) -> list[Event]:
    text = [{"type": "text", "text": answer.text}] if answer.text else []
    tools = [
        {
            "type": "tool_use",
            "id": f"toolu_{message_id}_{n}",
            "name": tool.name,
            "input": _arguments(tool, cwd),
        }
        for n, tool in enumerate(answer.tools)
    ]
    return [*text, *tools]


def _arguments(tool: ToolCall, cwd: str | None) -> dict[str, Any]:
    arguments: dict[str, Any] = dict(tool.arguments)
    for name in _PATH_ARGUMENTS:
        if cwd and name in arguments:
            arguments[name] = str(PurePosixPath(cwd, str(arguments[name])))
    return arguments


def stop_reason(answer: Answer) -> str:
    return "tool_use" if answer.tools else "end_turn"


def message(message_id: str, model: str, blocks: list[Event], reason: str | None) -> Event:
    return {
        "id": f"msg_{message_id}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": blocks,
        "stop_reason": reason,
        "stop_sequence": None,
    }


def at_start(tokens: Tokens) -> Tokens:
    """What the start of a stream reports: the input, and one token of output for the rest."""
    return replace(tokens, output=min(1, tokens.output))


def start(message_id: str, model: str, tokens: Tokens) -> Event:
    begun = message(message_id, model, [], None) | {"usage": usage(at_start(tokens))}
    return {"type": "message_start", "message": begun}


def block_events(blocks: list[Event]) -> Iterator[Event]:
    for index, block in enumerate(blocks):
        yield from _block(index, block)


def _block(index: int, block: Event) -> Iterator[Event]:
    if block["type"] == "text":
        opened, kind, whole = {"type": "text", "text": ""}, "text", block["text"]
    else:
        opened, kind, whole = block | {"input": {}}, "partial_json", json.dumps(block["input"])
    delta_type = "text_delta" if kind == "text" else "input_json_delta"
    yield {"type": "content_block_start", "index": index, "content_block": opened}
    for at in range(0, len(whole), CHUNK):
        delta = {"type": delta_type, kind: whole[at : at + CHUNK]}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def end(reason: str, tokens: Tokens) -> Iterator[Event]:
    """Output is cumulative and only here the true figure."""
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None},
        "usage": {"output_tokens": tokens.output},
    }
    yield {"type": "message_stop"}


def encode(event: Event) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
