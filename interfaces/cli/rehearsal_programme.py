"""What a rehearsal plays, and on which budget.

What each task costs stands with the plays themselves; the money below is chosen by it, so that
what is promised comes true at any speed and in any interleaving:

- the five small tasks cost $0.4258 together, and none asks for more than its estimate of $0.35;
- the expensive one has the night to itself: it comes after two of them and, in its project, after
  the last one. Its calls cost $0.12; at its cap of $0.61 it has spent $0.48, or $0.60 when the
  next call had begun before the stop came;
- of the night's $1.20 at most $0.2942 are left, which is less than one estimate: the late task
  waits until the day, whose $0.40 can pay it.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from core.clock import as_utc
from core.money import Nano

#: what one call of the expensive task costs
CALL: Final = Nano(120_000_000)
SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Act:
    """One task of the night."""

    text: str
    project: str | None = None
    max_cost: Nano | None = None
    after: tuple["Act", ...] = ()


#: three tasks of one project that build on each other
DASHBOARD: Final = (
    Act("Create React app boilerplate", "my-dashboard"),
    Act("Add user authentication to dashboard", "my-dashboard"),
    Act("Implement data visualization charts", "my-dashboard"),
)
LANDING_PAGE: Final = Act("Write a landing page with a signup form", "landing-page")
FAILING: Final = Act("Upgrade the database driver", "legacy-api")
EXPENSIVE: Final = Act(
    "Refactor the whole codebase", "legacy-api", Nano(610_000_000), (DASHBOARD[-1], LANDING_PAGE)
)
#: asked for when the others are over, and the night's money with them
LATE: Final = Act("Fix critical bug")

AT_ONCE: Final = (*DASHBOARD, LANDING_PAGE, FAILING, EXPENSIVE)
PROGRAMME: Final = (*AT_ONCE, LATE)

#: the first line of a rehearsal's config.yaml, by which a folder is known for one
SIGN: Final = "# REHEARSAL: the model is a script and no money is spent."

_CONFIG: Final = """\
{sign}
# Written by `sleepless rehearse`; a rehearsal in the same folder starts it anew.
budget:
  daily_budget_usd: 1.60
  night_quota_percent: 75
  # twelve hours around the start, so that it is night now and no edge is near
  night_start: "{start:%H:%M}"
  night_end: "{end:%H:%M}"
  timezone: UTC
  estimated_cost_usd: 0.35
  daily_cap: true
scheduler:
  max_parallel_tasks: 3
database:
  url: sqlite:///sleepless_agent.db
workspace:
  root: workspace
agent:
  backend: rehearsal
  model: claude-sonnet-5-5
  resume: session
logging:
  level: INFO
  format: console
"""


def config(now: datetime) -> str:
    start, end = night_around(now)
    return _CONFIG.format(sign=SIGN, start=start, end=end)


def night_around(now: datetime) -> tuple[time, time]:
    """From six to seven hours before `now` to five to six hours after it, on full hours of UTC."""
    opens = as_utc(now).replace(minute=0, second=0, microsecond=0) - timedelta(hours=6)
    return opens.time(), (opens + timedelta(hours=12)).time()
