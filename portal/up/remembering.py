"""What the last `up` left as it should be, so that the next one need not do it again."""

import hashlib
from pathlib import Path

CODE = Path(__file__).resolve().parent.parent
MIGRATIONS = CODE.parent / "piccolo_migrations"


class Migrated:
    """Whether the embedded database is at this version. The note lies inside the cluster's own directory, so it goes when that goes."""

    def __init__(self, cluster: Path, *, sandbox: bool) -> None:
        self._note = cluster / "portal-migrated"
        self._version = f"{version_of_code()} {'sandbox' if sandbox else 'real'}"

    def already(self) -> bool:
        try:
            return self._note.read_text() == self._version
        except FileNotFoundError:
            return False

    def remember(self) -> None:
        self._note.write_text(self._version)


def version_of_code() -> str:
    """A fingerprint of everything `migrate` may depend on: the migrations, the tables, the manifests, who may touch what."""
    seen = hashlib.sha256()
    for path in sorted([*MIGRATIONS.glob("*.py"), *CODE.rglob("*.py")]):
        seen.update(path.relative_to(CODE.parent).as_posix().encode())
        seen.update(path.read_bytes())
    return seen.hexdigest()
