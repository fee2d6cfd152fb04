"""A post that waits goes with its session."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T01:53:17:000000"
VERSION = "1.38.0"
DESCRIPTION = "A post that waits goes with its session"


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        engine = engine_finder()
        await engine.run_ddl(
            "ALTER TABLE intended_posts ADD CONSTRAINT intended_posts_session_id_fk"
            " FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE"
        )
        await engine.run_ddl("CREATE INDEX intended_posts_session ON intended_posts (session_id)")

    manager.add_raw(run)
    return manager
