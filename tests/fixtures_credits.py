"""The reply of `/credits` that everybody was shown, and the state that it tells of."""

from datetime import timedelta

from sqlalchemy import delete, insert

from core.models import CreditWindow, Task, TaskStatus
from fixtures_heart import World, at

NIGHT = """💳 Usage & Budget Status

🌙 Night Budget
Remaining: $8.45 / $9.00
Today Total: $2.33

⏱️ Credit Window
Time Remaining: 235m
Tasks Executed: 12

📋 Queue:
Pending: 3
In Progress: 1
Completed: 45
Failed: 2

⚙️ Capacity: 2/3 slots available
"""


def put_tasks(world: World, status: TaskStatus, count: int) -> None:
    now = world.clock.now()
    values = {
        "description": "one of many",
        "status": status,
        "created_at": now,
        "updated_at": now,
        "correlation_id": "c",
        "lease_owner": "me" if status is TaskStatus.IN_PROGRESS else None,
    }
    with world.database.write() as connection:
        connection.execute(insert(Task), [values] * count)


def put_credit_window(world: World, minutes_left: int, executed: int) -> None:
    ends = world.clock.now() + timedelta(minutes=minutes_left)
    starts = ends - timedelta(hours=5)
    with world.database.write() as connection:
        connection.execute(delete(CreditWindow))
        connection.execute(
            insert(CreditWindow).values(
                backend="claude", starts_at=starts, ends_at=ends, tasks_executed=executed
            )
        )


def spend_as_shown(world: World) -> None:
    """The state of NIGHT."""
    world.spend(at("03:00"), "0.78")
    world.spend(at("10:00"), "1.00")
    world.spend(at("20:30"), "0.55")
    world.clock.set(at("21:05"))
    put_tasks(world, TaskStatus.COMPLETED, 42)
    put_tasks(world, TaskStatus.FAILED, 2)
    put_tasks(world, TaskStatus.PENDING, 3)
    put_tasks(world, TaskStatus.IN_PROGRESS, 1)
    put_credit_window(world, 235, 12)
