"""The browser extension as a ZIP, made for one portal: it may read one panel and send to one address."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from portal.marketplaces.ajio.capture import panel_address

FOLDER = Path(__file__).parent / "extension"
UNCHANGED = ("popup.html", "popup.css", "popup.js", "reading.js")
SAME_DAY = (2026, 1, 1, 0, 0, 0)
"""Every file's date, so that the same extension is the same file."""


def packed_extension(settings: Mapping[str, str], portal: str, receiver: str) -> bytes:
    """The ZIP for the portal at address `portal`, which takes messages at `receiver`."""
    panel = panel_address(settings)
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        files = {name: (FOLDER / name).read_text() for name in UNCHANGED}
        files["manifest.json"] = json.dumps(_manifest(panel, receiver), indent=2)
        files["place.js"] = _place(panel, portal, receiver)
        for name, text in sorted(files.items()):
            packed.writestr(zipfile.ZipInfo(name, SAME_DAY), text)
    return held.getvalue()


def _manifest(panel: str, receiver: str) -> dict[str, Any]:
    """Host access to the panel alone; the popup may send to the portal alone."""
    manifest: dict[str, Any] = json.loads((FOLDER / "manifest.json").read_text())
    sent_to = urlsplit(receiver)
    host = urlsplit(panel)
    # Without the port, which cookies do not know: with one, the browser would give out none.
    manifest["host_permissions"] = [f"{host.scheme}://{host.hostname}/*"]
    manifest["content_security_policy"] = {
        "extension_pages": "default-src 'none'; script-src 'self'; style-src 'self'; "
        f"connect-src {sent_to.scheme}://{sent_to.netloc}; base-uri 'none'; form-action 'none'"
    }
    return manifest


def _place(panel: str, portal: str, receiver: str) -> str:
    """The addresses as a script; JSON strings are JavaScript strings."""
    named = {"PANEL": panel, "PORTAL": portal, "RECEIVER": receiver}
    return "".join(f"export const {name} = {json.dumps(value)};\n" for name, value in named.items())
