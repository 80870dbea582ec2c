"""Alembic's entry: run the migrations on the connection that `app.migrate` hands over, or on `-x url=…`."""

from alembic import context
from sqlalchemy import Connection, create_engine, text

from app.database import Base
from app.models import ApiKey  # importing the package registers every table

assert ApiKey.metadata is Base.metadata


def run(connection: Connection) -> None:
    # A migration that waits for a lock makes every later query wait behind it: better to fail and try again.
    connection.execute(text("SET lock_timeout = '4s'"))
    context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with create_engine(context.get_x_argument(as_dictionary=True)["url"]).begin() as connection:
        run(connection)
