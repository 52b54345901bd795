"""What must never be shown: known secrets, values under telling keys, all that looks like one.

Used by the log, and by every message that repeats a value somebody else wrote.
"""

import re
from typing import Any, Final

REDACTED: Final = "[redacted]"

#: a shorter "secret" would blot out ordinary words everywhere; no real credential is this short
_SHORTEST_SECRET = 8

_SECRET_NAMES: Final = frozenset(
    {
        "access_key",
        "api_key",
        "apikey",
        "authorization",
        "client_secret",
        "cookie",
        "credential",
        "credentials",
        "passphrase",
        "passwd",
        "password",
        "private_key",
        "secret",
        "secret_key",
        "set_cookie",
        "token",
    }
)
# suffixes of whole words, never substrings: tokens_used and secretary stay readable
_SECRET_SUFFIXES: Final = tuple(f"_{name}" for name in sorted(_SECRET_NAMES))

_SECRET_SHAPES: Final = re.compile(
    # not inside a word (task-…), but also right behind an escape such as \n or \xff
    r"(?:(?<![A-Za-z0-9])|(?<=\\[abfnrtv])|(?<=\\x[0-9a-f]{2}))(?:"
    r"sk-[A-Za-z0-9_-]{20,}"  # Anthropic (sk-ant-…), OpenAI (sk-…, sk-proj-…)
    r"|sk-ant-[A-Za-z0-9_-]{6,}"
    r"|xox[a-z]-[A-Za-z0-9-]{6,}|xapp-[A-Za-z0-9-]{6,}"  # Slack
    r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{20,}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}"  # AWS
    r"|AIza[0-9A-Za-z_-]{35}"  # Google
    r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"  # a JSON web token
    r")"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{12,}")
_PASSWORD_IN_URL: Final = re.compile(r"([a-z][a-z0-9+.-]*://[^\s/:@]*):[^\s/@]+@", re.IGNORECASE)

_known: set[str] = set()


def redact(secret: str) -> None:
    """From now on `secret` is blotted out of everything that passes through here."""
    if len(secret) >= _SHORTEST_SECRET:
        _known.add(secret)


def forget_redactions() -> None:
    """Forget every secret given to `redact`; for tests."""
    _known.clear()


def without_secrets(text: str) -> str:
    """`text` with every known secret, and everything shaped like one, blotted out."""
    # the longest first: one secret may be the beginning of another
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    text = _SECRET_SHAPES.sub(REDACTED, text)
    text = _BEARER.sub(rf"\1 {REDACTED}", text)
    return _PASSWORD_IN_URL.sub(rf"\1:{REDACTED}@", text)


def is_secret_name(name: str) -> bool:
    """Would a value called this be a secret? `api_key`, `X-Api-Key`, `accessToken`: yes."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").replace(".", "_")
    plain = words.lower()
    return plain in _SECRET_NAMES or plain.endswith(_SECRET_SUFFIXES)


def redacted(name: str, value: Any) -> Any:
    """`value` as it may be shown under `name`, through all nested mappings and sequences.

    Numbers under a telling name stay: a fencing token is a counter, not a credential.
    """
    if is_secret_name(name) and isinstance(value, str | bytes):
        return REDACTED
    match value:
        case str():
            return without_secrets(value)
        case bytes():
            return without_secrets(value.decode(errors="backslashreplace"))
        case dict():
            return {str(key): redacted(str(key), item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [redacted("", item) for item in value]
        case _:
            return value
