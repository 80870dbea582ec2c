"""Bring the schema to the version that this code expects, once, however many processes start together.

Alembic is imported by the one process that migrates: the others would carry its 10 MB for nothing.
"""

from importlib import resources
from typing import Final

from sqlalchemy import create_engine, text

HEAD: Final = "0006"  # the newest revision that ships with this code
MIGRATION_LOCK = 720_721  # any number that no other advisory lock of the hub uses


def migrate(url: str) -> bool:
    """Apply what is missing, in one transaction. Returns whether anything was.

    Raises:
        sqlalchemy.exc.OperationalError: the database cannot be reached.
    """
    from alembic import command  # noqa: PLC0415 (see above)
    from alembic.config import Config  # noqa: PLC0415
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(resources.files("migrations")))
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            # Two servers that start at once must not migrate at once; the second finds nothing left to do.
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
            if MigrationContext.configure(connection).get_current_revision() == HEAD:
                return False
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD)
            return True
    finally:
        engine.dispose()
