"""What systemd wants to hear from a service of Type=notify; silence where there is no systemd.

The protocol is a datagram to $NOTIFY_SOCKET (sd_notify(3)); a leading @ means an abstract name.
"""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


def notify(*lines: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Send lines such as `READY=1` or `STATUS=…`; False when nobody listens."""
    address = environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    target = "\0" + address[1:] if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto("\n".join(lines).encode(), target)
        return True
    return False


def watchdog_seconds(environ: Mapping[str, str] = os.environ) -> float | None:
    """How often to say WATCHDOG=1: half of what systemd allows; None when it does not watch us."""
    for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    allowed = environ.get("WATCHDOG_USEC", "")
    return int(allowed) / 2_000_000 if for_us and allowed.isdigit() else None
