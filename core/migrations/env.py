"""Runs on the connection that core.migrate hands over, inside its transaction: never on its own."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    render_as_batch=True,
    # the caller's transaction holds all steps: either all of them happen or none
    transactional_ddl=True,
)
context.run_migrations()
