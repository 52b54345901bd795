"""The plays of the product's own rehearsal."""

import re

from execution.rehearsal.playbook import Answer, Play, Tokens, write

REHEARSAL_PLAYS: tuple[Play, ...] = ()


def generic_play(text: str) -> Play:
    """Any other task: notes it down in `notes/<slug>.md`."""
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower())[:40].strip("-") or "task"
    noted = write(f"notes/{slug}.md", f"# Task\n\n{text}\n")
    return Play(
        "generic",
        "",
        (
            Answer(
                "I note the task down.", (noted,), Tokens(input=400, cache_write=14_000, output=600)
            ),
            Answer(
                f"Noted in notes/{slug}.md.", spends=Tokens(input=200, cache_read=14_000, output=80)
            ),
        ),
    )
