"""Which release this is."""

from importlib import metadata


def current() -> str:
    """As installed; `unknown` for a checkout that nobody has installed."""
    try:
        return metadata.version("sleepless-daemon")
    except metadata.PackageNotFoundError:
        return "unknown"
