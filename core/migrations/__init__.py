"""Alembic's folder: `versions/` holds one file a step, `env.py` runs them on a given connection."""

#: the newest step; a test holds it equal to the files in versions/
HEAD = "0002"
