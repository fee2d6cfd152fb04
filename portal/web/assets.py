"""Files of `static/`, each at an address that changes with its content, so browsers may keep it for ever."""

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from markupsafe import Markup

IMMUTABLE = "public, max-age=31536000, immutable"
DIGITS = 12
_DRAWING = re.compile(r'<svg [^>]*viewBox="(?P<view>[^"]+)"[^>]*>(?P<shapes>.*)</svg>\s*', re.DOTALL)
_LAYOUT = re.compile(r"/\*.*?\*/|\s*([{};,])\s*|\s+", re.DOTALL)
_ALREADY_HASHED = re.compile(rf"^(?P<stem>.+)\.(?P<hash>[0-9a-f]{{{DIGITS}}})(?P<suffix>\.[a-z0-9]+)$")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: where browsers find it, and what they get."""

    address: str
    media_type: str
    content: bytes
    packed: bytes
    """The content in gzip; empty where that saves nothing."""


class Assets:
    """Every file below a directory, read once.

    `portal.css` is served as `/static/portal.<hash>.css`. A vendored file carries its hash on disk already and keeps its name.
    """

    def __init__(self, directory: Path) -> None:
        self._by_name: dict[str, Asset] = {}
        self._by_address: dict[str, Asset] = {}
        for path in sorted(one for one in directory.rglob("*") if one.is_file()):
            name, asset = _read(path, path.relative_to(directory))
            self._by_name[name] = asset
            self._by_address[asset.address] = asset

    def url(self, name: str) -> str:
        """The address of a file, such as `portal.css`. KeyError for a file that is not there: a typing mistake in a template."""
        return f"/static/{self._by_name[name].address}"

    def drawing(self, name: str, size: int) -> Markup:
        """A small drawing as a part of the page, `size` pixels high and wide, silent to screen readers.

        An image would cost a request, and as a data address still a document of its own in the browser: 15 ms each on a slow phone.
        """
        found = _DRAWING.fullmatch(self._by_name[name].content.decode())
        if found is None:
            raise ValueError(f"{name} is no drawing with a viewBox")
        opening = f'<svg class="mark" width="{size}" height="{size}" viewBox="{found["view"]}" aria-hidden="true" focusable="false">'
        return Markup(f"{opening}{found['shapes']}</svg>")  # noqa: S704  # a file of ours, and a test looks into each

    def find(self, address: str) -> Asset | None:
        """What is served below `/static/` at an address; None where nothing is."""
        return self._by_address.get(address)


def lean(styles: str) -> str:
    """A style sheet without comments and layout: a tenth less on the line, and every page waits for its last byte.

    No string in it may hold a comment, a brace, a comma, a semicolon or two spaces.
    """
    return _LAYOUT.sub(lambda found: "" if found[0].startswith("/*") else found[1] or " ", styles)


def _read(path: Path, relative: Path) -> tuple[str, Asset]:
    content = path.read_bytes()
    if path.suffix == ".css":
        content = lean(content.decode()).encode()
    digest = hashlib.sha256(content).hexdigest()[:DIGITS]
    vendored = _ALREADY_HASHED.match(path.name)
    if vendored:
        name, address = f"{vendored['stem']}{vendored['suffix']}", path.name
    else:
        name, address = path.name, f"{path.stem}.{digest}{path.suffix}"
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    folder = relative.parent
    packed = gzip.compress(content, mtime=0)
    return (folder / name).as_posix(), Asset((folder / address).as_posix(), kind, content, packed if len(packed) < len(content) else b"")


@get("/static/{address:path}", opt={"public": True}, include_in_schema=False, sync_to_thread=False)
def static_file(request: Request[Any, Any, Any], address: FromPath[str], assets: NamedDependency[Assets]) -> Response[bytes]:
    """One asset, packed for browsers that unpack. A name without its hash, or with an old one, is 404: no page links to it."""
    asset = assets.find(address.lstrip("/"))
    if asset is None:
        raise NotFoundException
    headers = {"Cache-Control": IMMUTABLE, "Vary": "Accept-Encoding"}
    if asset.packed and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(asset.content, media_type=asset.media_type, headers=headers)
