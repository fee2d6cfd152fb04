"""Workbooks written by hand, because no library would write them like this."""

import io
import struct
import zipfile
from collections.abc import Mapping

SPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
SHEET = "xl/worksheets/sheet1.xml"


def workbook(rows: str = "", *, texts: str = "", name: str = "A", parts: Mapping[str, bytes | str] | None = None) -> bytes:
    """The smallest file that a spreadsheet calls its own: the XML of its rows and of the texts they share, and any other parts."""
    whole: dict[str, bytes | str] = {
        "_rels/.rels": f'<Relationships {PACKAGE}><Relationship Id="r1" Type="{RELATION}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {SPACE} xmlns:r="{RELATION}"><sheets><sheet name="{name}" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": (
            f'<Relationships {PACKAGE}><Relationship Id="r1" Type="{RELATION}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
        ),
        SHEET: f"<worksheet {SPACE}><sheetData>{rows}</sheetData></worksheet>",
    }
    if texts:
        whole["xl/sharedStrings.xml"] = f"<sst {SPACE}>{texts}</sst>"
    return zipped({**whole, **(parts or {})})


def zipped(parts: Mapping[str, bytes | str], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", packing) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return held.getvalue()


def lying(archive: bytes, declared: int) -> bytes:
    """The archive, saying of each of its parts that it unpacks to so many bytes."""
    body = bytearray(archive)
    for mark, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = body.find(mark)
        while at >= 0:
            struct.pack_into("<I", body, at + place, declared)
            at = body.find(mark, at + 4)
    return bytes(body)
