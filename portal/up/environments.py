"""Who gets what: the environment of each process that `up` starts, with nothing in it that the process does not need.

Secrets travel here or in files, never on a command line, where every user of the machine could read them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from portal.marketplaces.contract import Marketplace
from portal.postgres import Addresses

SYSTEM = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")
OUTSIDE = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""How this machine reaches the internet; only the worker goes there."""

ANYBODY = (
    "LOG_LEVEL",
    "RUN_LOG_DAYS",
    "LEASE_S",
    "BEAT_S",
    "SWEEP_S",
    "SCHEDULES",
    "QUEUE_URL",
    "PUBLIC_URL",
    "SELF_HOSTED",
    "ALLOW_PRIVATE_MARKETPLACES",
    "FILES_URL",
)
WEB = (*ANYBODY, "HOST", "PORT", "METRICS_TOKEN", "STREAMS", "STREAMS_PER_PERSON", "ALLOW_GENERATED_KEYS")
WORKER = (*ANYBODY, "WORKER_MARKETPLACES", "SMTP_URL", "MAIL_FROM", "ALLOW_GENERATED_KEYS")
STORE = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""The keys of the store that PORTAL_FILES_URL names; nobody gets them without it."""

SECRET_WORDS = ("SECRET", "PASSWORD", "TOKEN")

SANDBOX_RATE = "1000"
"""Our own sandboxes have no quota to protect, and a demonstration should not wait for one."""

KEY_FILES = {"PORTAL_SEAL_KEYS": "seal", "PORTAL_OPEN_KEYS": "open", "PORTAL_BUYER_OPEN_KEYS": "buyer-open"}
"""Where `keys generate` puts each ring, below `<data_dir>/keys`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environments:
    """The environments of one `up`. `given` is the operator's own environment; what he sets wins over what we would choose."""

    given: Mapping[str, str] = field(repr=False)
    data_dir: Path
    places: tuple[Marketplace, ...]
    sandbox_base: str | None
    """Where the sandboxes are, such as `http://127.0.0.1:8100`; None for the real marketplaces."""

    @property
    def keys(self) -> dict[str, str]:
        """The key rings: the operator's, or the generated files. Never a mixture, whose halves would not fit."""
        if any(self.given.get(name) for name in KEY_FILES):
            return {name: self.given.get(name, "") for name in KEY_FILES}
        return {name: str(self.data_dir / "keys" / file) for name, file in KEY_FILES.items()}

    @property
    def keys_missing(self) -> bool:
        """Whether rings have to be generated. Never where the operator brought one."""
        generated = not any(self.given.get(name) for name in KEY_FILES)
        return generated and not all(Path(path).exists() for path in self.keys.values())

    @property
    def rings_missing(self) -> bool:
        """Whether a marketplace came after the rings were generated."""
        if self.keys_missing or any(self.given.get(name) for name in KEY_FILES):
            return False
        known = {line.partition(" ")[0] for line in Path(self.keys["PORTAL_SEAL_KEYS"]).read_text().splitlines()}
        return not known.issuperset(place.code for place in self.places)

    def bare(self) -> dict[str, str]:
        """For a process that needs the data directory alone."""
        return self._system(SYSTEM) | {"PORTAL_DATA_DIR": str(self.data_dir), "PYTHONUNBUFFERED": "1"}

    def owner(self, addresses: Addresses) -> dict[str, str]:
        """For `migrate`."""
        return self.bare() | self._chosen(ANYBODY) | self._demo() | {"PORTAL_DATABASE_URL": addresses.owner}

    def web(self, addresses: Addresses) -> dict[str, str]:
        """It seals, it shows a buyer; it opens no credential, so it gets no application secret of a marketplace either.

        `seller add` works with the same rights.
        """
        groups = {name: value for name, value in self._groups().items() if not any(word in name for word in SECRET_WORDS)}
        keys = {name: self.keys[name] for name in ("PORTAL_SEAL_KEYS", "PORTAL_BUYER_OPEN_KEYS")}
        mail = {"PORTAL_SENDS_MAIL": "true"} if self.given.get("PORTAL_SMTP_URL") else {}
        return self._child() | self._chosen(WEB) | groups | keys | mail | {"PORTAL_DATABASE_URL": addresses.web}

    def worker(self, addresses: Addresses) -> dict[str, str]:
        """It opens and seals credentials, and goes out. The public rings let it wrap a buyer key that the web can open."""
        keys = {name: self.keys[name] for name in ("PORTAL_SEAL_KEYS", "PORTAL_OPEN_KEYS")}
        logins = {"PORTAL_DATABASE_URL": addresses.worker}
        return self._child() | self._system(OUTSIDE) | self._chosen(WORKER) | self._groups() | keys | logins

    def sandbox(self) -> dict[str, str]:
        return self._system(SYSTEM) | {"PYTHONUNBUFFERED": "1"} | self._chosen(("SANDBOX_PORT",))

    def _child(self) -> dict[str, str]:
        # Lines that a program can read: the supervisor picks the warnings out of them.
        store = self._system(STORE) if self.given.get("PORTAL_FILES_URL") else {}
        return self.bare() | self._demo() | store | {"PORTAL_LOG_JSON": "true"}

    def _system(self, names: Iterable[str]) -> dict[str, str]:
        return {name: self.given[name] for name in names if name in self.given}

    def _chosen(self, names: Iterable[str]) -> dict[str, str]:
        return self._system(f"PORTAL_{name}" for name in names)

    def _demo(self) -> dict[str, str]:
        if self.sandbox_base is None:
            return {}
        return {"PORTAL_DEMO": "true", "PORTAL_ALLOW_PRIVATE_MARKETPLACES": "true", "PORTAL_ALLOW_GENERATED_KEYS": "true"}

    def _groups(self) -> dict[str, str]:
        """The PORTAL_<CODE>_* settings: those that point to the sandbox, and over them the operator's own."""
        pointed: dict[str, str] = {}
        for place in self.places:
            if self.sandbox_base is not None and place.sandbox is not None and place.sandbox_settings is not None:
                pointed |= place.sandbox_settings(f"{self.sandbox_base}/{place.slug}")
                pointed[f"PORTAL_{place.code}_RATE"] = SANDBOX_RATE
        prefixes = tuple(f"PORTAL_{place.code}_" for place in self.places)
        return pointed | {name: value for name, value in self.given.items() if name.startswith(prefixes)}
