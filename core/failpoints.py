"""Places where a test may have the daemon die as by `kill -9`; nothing at all otherwise.

`SLEEPLESS_FAILPOINT=run.landing` makes the process that reaches that point kill itself. Whoever can
set a daemon's environment can kill it anyway.
"""

import os
import signal

_ARMED = os.environ.get("SLEEPLESS_FAILPOINT", "")


def reached(name: str) -> None:
    if name == _ARMED:
        os.kill(os.getpid(), signal.SIGKILL)
