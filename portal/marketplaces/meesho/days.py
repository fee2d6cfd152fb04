"""Days as Meesho writes them: ISO in answers, day first in files."""

import re
from datetime import date, datetime

from portal.clock import IST

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_DAY_FIRST = ("%d-%m-%Y", "%d/%m/%Y", "%d-%b-%Y", "%d %b %Y")


def indian_day(value: object) -> date:
    """The Indian day a cell or a JSON text names. ValueError when it names none."""
    if isinstance(value, datetime):
        return value.astimezone(IST).date() if value.tzinfo else value.date()
    if isinstance(value, date):
        return value
    written = str(value).strip()
    if _ISO.match(written):
        return indian_day(datetime.fromisoformat(written.replace("Z", "+00:00")))
    for form in _DAY_FIRST:
        try:
            return datetime.strptime(written, form).date()  # noqa: DTZ007 (a day, no moment)
        except ValueError:
            continue
    raise ValueError("The payment date is no date.")
