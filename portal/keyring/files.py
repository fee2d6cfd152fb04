"""Changing ring files under processes that use them: each is replaced whole, private ones before the public one when keys are added.

So nobody ever seals with a key that those who open cannot find, and nobody reads half a file.
"""

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from portal.errors import Misconfigured
from portal.vault import wrapping
from portal.vault.rings import Line, file_of, fresh, lines_of, text_of


@dataclass(frozen=True, slots=True)
class RingFiles:
    """The public file, and the private ones that are at hand."""

    public: Path
    private: tuple[Path, ...]

    @classmethod
    def named(cls, seal_keys: str, open_keys: str, buyer_open_keys: str) -> "RingFiles":
        """Those the settings name. Raises Misconfigured where they hold the rings themselves, or nothing."""
        public, *private = (file_of(one) if one else None for one in (seal_keys, open_keys, buyer_open_keys))
        kept = tuple(one for one in private if one is not None)
        if public is None or not kept or any(given and file_of(given) is None for given in (open_keys, buyer_open_keys)):
            raise Misconfigured(
                "Only rings in files can be changed by a command.",
                hint="Set PORTAL_SEAL_KEYS, PORTAL_OPEN_KEYS and PORTAL_BUYER_OPEN_KEYS to the files. "
                "Rings that stand in the environment are changed where they are kept, and their processes started again.",
            )
        return cls(public, kept)


def add_keys(files: RingFiles) -> dict[str, str]:
    """A new key, first of its ring, for every ring whose private file is here. Answers the new ids by ring.

    Where a ring's keys are wrapped by AWS KMS, the new one is wrapped under the same KMS key.
    """
    made: list[Line] = []
    for path in files.private:
        lines, new = _lines(path), []
        for ring in dict.fromkeys(line.ring for line in lines):
            newest = next(line for line in lines if line.ring == ring)
            public, private = fresh(ring)
            if wrapping.is_wrapped(newest.key):
                kms_key = wrapping.kms_key_of(newest.key)
                private = Line(ring, private.key_id, wrapping.wrapped(ring, private.key_id, private.key, kms_key))
            made.append(public)
            new.append(private)
        replace(path, _with_first(path.read_text(), new))
    replace(files.public, _with_first(files.public.read_text(), made))
    return {line.ring: line.key_id for line in made}


def older(files: RingFiles) -> dict[str, str]:
    """The ring of every private key that is here and is not the one that seals, by key id."""
    newest: dict[str, str] = {}
    for line in _lines(files.public):
        newest.setdefault(line.ring, line.key_id)
    return {line.key_id: line.ring for path in files.private for line in _lines(path) if newest.get(line.ring, line.key_id) != line.key_id}


def drop(path: Path, key_ids: Collection[str]) -> None:
    """The file without these keys; remarks and everything else stay."""
    kept = [text for text in path.read_text().splitlines() if not _names(text, key_ids)]
    replace(path, "".join(f"{text}\n" for text in kept))


def wrap(path: Path, kms_key: str) -> int:
    """Replace the plain keys of a private file by what KMS makes of them. Answers how many."""
    lines = _lines(path)
    plain = [line for line in lines if not wrapping.is_wrapped(line.key)]
    if plain:
        _rewritten(path, lambda line: Line(line.ring, line.key_id, wrapping.wrapped(line.ring, line.key_id, line.key, kms_key)), plain)
    return len(plain)


def replace(path: Path, text: str) -> None:
    """Write the file beside itself and swap: same owner, for its owner alone. Raises Misconfigured where we may not."""
    beside = path.with_name(f".{path.name}.new")
    try:
        told = path.stat()
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            if os.geteuid() == 0:
                os.fchown(file.fileno(), told.st_uid, told.st_gid)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise Misconfigured(
            f"We cannot change the key file {path}: {error.strerror}.", hint="Run this as the user the file belongs to."
        ) from error


def _lines(path: Path) -> list[Line]:
    return list(lines_of(text_of(str(path), str(path)), str(path)))


def _rewritten(path: Path, change: Callable[[Line], Line], lines: Collection[Line]) -> None:
    new = {str(line): str(change(line)) for line in lines}
    replace(path, "".join(f"{new.get(text.strip(), text)}\n" for text in path.read_text().splitlines()))


def _with_first(text: str, new: Collection[Line]) -> str:
    return "".join(f"{line}\n" for line in new) + text


def _names(text: str, key_ids: Collection[str]) -> bool:
    parts = text.split()
    return not text.startswith("#") and len(parts) == 3 and parts[1] in key_ids
