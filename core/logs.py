"""One stream of log lines: for eyes on a terminal, JSON elsewhere, never with a secret in it.

Ours are made with structlog (`log.info("run.finished", run_id=…)`), the libraries' with logging;
both end in the one handler that `configure_logging` sets up. The event is the record's own message,
the facts ride along, so that `caplog.messages` and `grep` see exactly what was written.
"""

import json
import logging
import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from core.clock import Clock, SystemClock
from core.redaction import forget_redactions, redact, redacted, without_secrets

if TYPE_CHECKING:
    from core.settings import LoggingSettings

__all__ = ["configure_logging", "forget_redactions", "new_correlation_id", "redact"]

#: the loggers that follow logging.level; every other one is a library's and speaks from WARNING up
OURS: Final = ("core", "execution", "interfaces", "daemon", "__main__")

Facts = dict[str, Any]

_FACTS: Final = "sleepless_facts"
_COLOURS: Final = {"DEBUG": 2, "INFO": 32, "WARNING": 33, "ERROR": 31, "CRITICAL": 41}
_SAFE_WORD: Final = re.compile(r"[\w./:@$%+#-]+")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
#: Crockford's base 32 in ASCII order: ids sort as their times do
_BASE32: Final = "0123456789abcdefghjkmnpqrstvwxyz"


def configure_logging(settings: "LoggingSettings", stream: TextIO | None = None) -> None:
    """Send every log line to `stream` (stderr) in the form and from the level that settings name.

    May be called again (a reload, a test): the last call holds.
    """
    target = stream or sys.stderr
    handler = _Handler(target)
    handler.setFormatter(_Lines(_renderer(settings.format, target), target.encoding or "utf-8"))
    root = logging.getLogger()
    for earlier in [found for found in root.handlers if isinstance(found, _Handler)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[settings.level]))
    for name in OURS:
        logging.getLogger(name).setLevel(settings.level)
    structlog.configure(
        processors=_PROCESSORS,
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def new_correlation_id(clock: Clock | None = None) -> str:
    """19 characters that tie a request to its runs and charges: in order of time, not guessable.

    Nine characters of milliseconds (good until the year 3084), ten of chance (50 bits).
    """
    moment = int((clock or SystemClock()).now().timestamp() * 1000)
    return _base32(moment, 9) + _base32(secrets.randbits(50), 10)


def _base32(number: int, width: int) -> str:
    return "".join(_BASE32[number >> shift & 31] for shift in range(5 * (width - 1), -1, -5))


def _hand_over(_logger: WrappedLogger, _method: str, event: EventDict) -> tuple[Any, Any]:
    """The last step of structlog: the event becomes the record's message, the rest its facts."""
    message = str(event.pop("event", ""))
    return (message,), {"extra": {_FACTS: dict(event)}}


_PROCESSORS: Final[list[Any]] = [
    structlog.stdlib.filter_by_level,
    structlog.contextvars.merge_contextvars,
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
    _hand_over,
]


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that a second `configure_logging` replaces it and leaves pytest's alone."""


class _Lines(logging.Formatter):
    def __init__(self, render: Callable[[Facts], str], encoding: str) -> None:
        super().__init__()
        self._render = render
        self._encoding = encoding

    def format(self, record: logging.LogRecord) -> str:
        line = without_secrets(self._render(redacted("", _facts(record))))
        # a lone surrogate (a file name in another encoding) must not lose the whole line
        return line.encode(self._encoding, "backslashreplace").decode(self._encoding)


def _facts(record: logging.LogRecord) -> Facts:
    head = {
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname,
        "event": record.getMessage(),
        "logger": record.name,
    }
    # twice: it leads the line, and no fact of the same name may replace it
    return head | _extras(record) | head


def _extras(record: logging.LogRecord) -> Facts:
    ours = getattr(record, _FACTS, None)
    if isinstance(ours, dict):
        return ours
    extras: Facts = dict(structlog.contextvars.get_contextvars())
    if record.exc_info and record.exc_info[0]:
        extras["exception"] = logging.Formatter().formatException(record.exc_info)
    if record.stack_info:
        extras["stack"] = record.stack_info
    return extras


# --- rendering --------------------------------------------------------------------------------


def _renderer(form: str, stream: TextIO) -> Callable[[Facts], str]:
    terminal = stream.isatty()
    if form == "json" or (form == "auto" and not terminal):
        return _as_json
    return _in_colour if terminal and _wants_colour(os.environ) else _in_plain


def _wants_colour(environ: Mapping[str, str]) -> bool:
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def _as_json(facts: Facts) -> str:
    return json.dumps(facts, default=_as_text, ensure_ascii=False)


def _as_text(value: object) -> str:
    # before JSON escapes it: a secret with a quote in it would not be recognised afterwards
    return without_secrets(str(value))


def _in_plain(facts: Facts) -> str:
    return _for_eyes(facts, lambda text, _: text)


def _in_colour(facts: Facts) -> str:
    return _for_eyes(facts, lambda text, colour: f"\x1b[{colour}m{text}\x1b[0m")


def _for_eyes(facts: Facts, paint: Callable[[str, int], str]) -> str:
    """`2026-11-21 20:00:03Z WARNING: the event task_id=7`; tracebacks on lines of their own."""
    moment, level = facts.pop("timestamp"), facts.pop("level")
    event, logger = facts.pop("event"), facts.pop("logger")
    below = [str(facts.pop(name)) for name in ("stack", "exception") if name in facts]
    if logger.partition(".")[0] not in OURS:
        facts["logger"] = logger
    line = [
        paint(f"{moment[:10]} {moment[11:19]}Z", 2),
        f"{paint(level, _COLOURS.get(level, 0))}: {_harmless(event).replace(chr(10), ' ')}",
        *(f"{paint(key, 36)}={_shown(value)}" for key, value in facts.items()),
    ]
    return "\n".join([" ".join(line), *map(_harmless, below)])


def _shown(value: Any) -> str:
    if isinstance(value, int | float) or value is None:
        return str(value)
    text = value if isinstance(value, str) else _as_text(value)
    return text if _SAFE_WORD.fullmatch(text) else _harmless(repr(text))


def _harmless(text: str) -> str:
    """Nothing that moves the cursor or recolours the terminal; line feeds stay."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text)
