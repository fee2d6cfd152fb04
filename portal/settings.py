"""The environment, read once into one frozen object; every mistake is reported at once, each with a hint.

Marketplaces keep their own group: `settings.of(code)` is every PORTAL_<CODE>_* value, which that folder types.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from portal.errors import Misconfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator decided. See the table in the README."""

    host: str = "127.0.0.1"
    port: int = 8000
    sandbox_port: int = 8100
    data_dir: Path = Path(".portal")
    files_url: str | None = None
    database_url: str | None = None
    queue_url: str = "postgres"
    public_url: str = "http://127.0.0.1:8000"
    self_hosted: bool = True
    seal_keys: str = ""
    open_keys: str = ""
    buyer_open_keys: str = ""
    allow_generated_keys: bool = False
    worker_marketplaces: tuple[str, ...] = ()
    smtp_url: str | None = None
    sends_mail: bool = False
    mail_from: str = ""
    allow_private_marketplaces: bool = False
    demo: bool = False
    log_json: bool = False
    log_level: str = "INFO"
    run_log_days: int = 90
    lease_s: float = 45.0
    beat_s: float = 15.0
    sweep_s: float = 10.0
    schedules: bool = True
    metrics_token: str = ""
    streams: int = 2000
    streams_per_person: int = 20
    marketplaces: Mapping[str, Mapping[str, str]] = {}

    @property
    def secure_cookies(self) -> bool:
        """Cookies are `Secure` except where the portal is reached over plain http on this very machine."""
        parts = urlsplit(self.public_url)
        return not (parts.scheme == "http" and is_loopback(parts.hostname or ""))

    @property
    def mails_go_out(self) -> bool:
        """Whether there is a mail server. The web is told so without its address, which may hold a password."""
        return self.sends_mail or self.smtp_url is not None

    @property
    def shows_mails(self) -> bool:
        """Whether mails are listed on a page instead of being sent: in a demo on this very machine, where anybody may read them."""
        return self.demo and not self.mails_go_out and is_loopback(urlsplit(self.public_url).hostname or "")

    def of(self, code: str) -> Mapping[str, str]:
        """The PORTAL_<CODE>_* group of one marketplace, names without that prefix."""
        return self.marketplaces.get(code, {})


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


KNOWN = {
    # setting: how the operator writes it
    "HOST": "an address to listen on, such as 127.0.0.1",
    "PORT": "a port from 1 to 65535, such as 8000",
    "SANDBOX_PORT": "a port from 1 to 65535, such as 8100",
    "DATA_DIR": "a directory this process may write to",
    "FILES_URL": "an address such as s3://bucket/folder?region=ap-south-1",
    "DATABASE_URL": "an address such as postgresql://user:password@host:5432/portal",
    "QUEUE_URL": "`postgres`, or an address such as redis://host:6379/0",
    "PUBLIC_URL": "the address sellers type, such as https://portal.example.in",
    "SELF_HOSTED": "true or false",
    "SEAL_KEYS": "a path to the public key rings, or the rings themselves",
    "OPEN_KEYS": "a path to the private key rings, or the rings themselves",
    "BUYER_OPEN_KEYS": "a path to the buyer key ring, or the ring itself",
    "ALLOW_GENERATED_KEYS": "true or false",
    "WORKER_MARKETPLACES": "codes of marketplaces, separated by commas",
    "SMTP_URL": "an address such as smtp://user:password@host:587",
    "SENDS_MAIL": "true or false",
    "MAIL_FROM": "the address mails come from, such as portal@example.in",
    "ALLOW_PRIVATE_MARKETPLACES": "true or false",
    "DEMO": "true or false",
    "LOG_JSON": "true or false",
    "RUN_LOG_DAYS": "whole days from 7 to 3650, such as 90",
    "LOG_LEVEL": "DEBUG, INFO, WARNING or ERROR",
    "LEASE_S": "seconds, such as 45",
    "BEAT_S": "seconds, such as 15",
    "SWEEP_S": "seconds, such as 10",
    "SCHEDULES": "true or false",
    "METRICS_TOKEN": "a word that /metrics asks for when it is not called from this machine",
    "STREAMS": "how many live pages one web process serves at once, such as 2000",
    "STREAMS_PER_PERSON": "how many of them one person may have open, such as 20",
}


def read(environ: Mapping[str, str] | None = None, *, codes: tuple[str, ...] = ()) -> Settings:
    """Settings from the environment. `codes` are the marketplaces whose groups are taken along.

    Raises Misconfigured with one line per mistake, each with what would be right.
    """
    source = os.environ if environ is None else environ
    given = {name.removeprefix("PORTAL_"): value.strip() for name, value in source.items() if name.startswith("PORTAL_")}
    mistakes: list[str] = []
    values: dict[str, object] = {}

    groups: dict[str, dict[str, str]] = {code: {} for code in codes}
    plain: dict[str, str] = {}
    for name, value in given.items():
        owner = next((code for code in sorted(codes, key=len, reverse=True) if name.startswith(f"{code}_")), None)
        if name in KNOWN:
            plain[name] = value
        elif owner is not None:
            groups[owner][name.removeprefix(f"{owner}_")] = value
        elif codes and name not in {"TEST", "TEST_DATABASE_URL", "CHROMIUM"}:
            mistakes.append(f"PORTAL_{name} is not a setting. Look for a typing mistake, or remove it.")

    def wrong(name: str) -> None:
        # The value itself may be a secret that landed in the wrong variable, so it is never repeated.
        mistakes.append(f"PORTAL_{name} has a value we cannot use. It should be {KNOWN[name]}.")

    for name, value in plain.items():
        field = name.lower()
        if name in {"PORT", "SANDBOX_PORT"}:
            if value.isdigit() and 0 < int(value) < 65536:
                values[field] = int(value)
            else:
                wrong(name)
        elif name == "RUN_LOG_DAYS":
            if value.isdigit() and 7 <= int(value) <= 3650:
                values[field] = int(value)
            else:
                wrong(name)
        elif name in {"STREAMS", "STREAMS_PER_PERSON"}:
            if value.isdigit() and int(value) > 0:
                values[field] = int(value)
            else:
                wrong(name)
        elif name in {"LEASE_S", "BEAT_S", "SWEEP_S"}:
            try:
                seconds = float(value)
            except ValueError:
                seconds = -1.0
            if seconds > 0:
                values[field] = seconds
            else:
                wrong(name)
        elif name in {"SELF_HOSTED", "ALLOW_GENERATED_KEYS", "ALLOW_PRIVATE_MARKETPLACES", "DEMO", "LOG_JSON", "SCHEDULES", "SENDS_MAIL"}:
            if value.lower() in TRUE | FALSE:
                values[field] = value.lower() in TRUE
            else:
                wrong(name)
        elif name == "DATA_DIR":
            values[field] = Path(value)
        elif name == "FILES_URL":
            if value and (urlsplit(value).scheme != "s3" or not urlsplit(value).hostname):
                wrong(name)
            values[field] = value or None
        elif name == "DATABASE_URL":
            if value and urlsplit(value).scheme not in {"postgresql", "postgres"}:
                wrong(name)
            values[field] = value or None
        elif name == "QUEUE_URL":
            if value != "postgres" and urlsplit(value).scheme not in {"redis", "rediss"}:
                wrong(name)
            values[field] = value
        elif name == "PUBLIC_URL":
            parts = urlsplit(value)
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                wrong(name)
            elif parts.scheme == "http" and not is_loopback(parts.hostname):
                mistakes.append("PORTAL_PUBLIC_URL is plain http. Sellers type credentials here, so it must start with https://.")
            values[field] = value.rstrip("/")
        elif name == "WORKER_MARKETPLACES":
            named = tuple(code.strip() for code in value.split(",") if code.strip())
            unknown = [code for code in named if codes and code not in codes]
            if unknown:
                mistakes.append(f"PORTAL_WORKER_MARKETPLACES names {', '.join(unknown)}. Known codes: {', '.join(codes)}.")
            values[field] = named
        elif name == "LOG_LEVEL":
            if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
                wrong(name)
            values[field] = value.upper()
        elif name == "MAIL_FROM":
            if value and not re.fullmatch(r"[!-?A-~]+@[!-?A-~]+", value):
                wrong(name)
            values[field] = value
        elif name == "SMTP_URL":
            if value and urlsplit(value).scheme not in {"smtp", "smtps"}:
                wrong(name)
            values[field] = value or None
        else:
            values[field] = value

    for code, group in groups.items():
        rate = group.get("RATE", "1")
        try:
            usable = float(rate) > 0
        except ValueError:
            usable = False
        if not usable:
            mistakes.append(f"PORTAL_{code}_RATE should be a factor above 0, such as 1.")
        for name, value in group.items():
            if name.endswith("URL") and urlsplit(value).scheme not in {"http", "https"}:
                mistakes.append(f"PORTAL_{code}_{name} should be an address that starts with https:// (or http:// for a sandbox).")

    if mistakes:
        raise Misconfigured("\n".join(mistakes), hint="Correct the settings above and start again. The README lists every setting.")

    host, port = values.get("host", "127.0.0.1"), values.get("port", 8000)
    public = values.setdefault("public_url", f"http://{host}:{port}")
    at_home = is_loopback(urlsplit(str(public)).hostname or "")
    # A machine reads the log of a portal that others reach, a person that of one on his own machine.
    values.setdefault("log_json", not at_home)
    values.setdefault("self_hosted", at_home or "PUBLIC_URL" not in plain)
    return msgspec.convert({**values, "marketplaces": groups}, Settings, strict=False, dec_hook=_path)


def _path(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(kind)  # pragma: no cover - msgspec asks only for types it does not know
