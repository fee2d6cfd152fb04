"""How values read on a page: Indian money and numbers, Indian time, ids nobody can copy."""

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal
from markupsafe import Markup

from portal import clock
from portal.language import ENGLISH, gettext, spoken
from portal.retelling import retold

LAKH = Decimal(100_000)
CRORE = Decimal(10_000_000)
NOTHING = "–"
DASH = Markup("–")


def money(amount: Decimal | int | None, currency: str = "INR") -> str:
    """`₹1,23,456.78`, always with two decimals; a dash where there is no amount. `amount` is in major units."""
    return NOTHING if amount is None else format_currency(amount, currency, locale=spoken().locale)


def in_words(number: Decimal | int) -> str:
    """A large number the way Indian sellers say it: `6.54 lakh`, `1.2 crore`; below one lakh `99,999`."""
    whole = Decimal(number).quantize(Decimal(1), ROUND_HALF_UP)
    if abs(whole) < LAKH:
        return format_decimal(whole, locale=spoken().locale)
    lakhs = (whole / LAKH).quantize(Decimal("0.01"), ROUND_HALF_UP)
    # Decided after rounding: 99,99,999 would read 100 lakh, which nobody says.
    if abs(lakhs) < 100:
        return gettext("%(n)s lakh", n=format_decimal(lakhs.normalize(), locale=spoken().locale))
    crores = (whole / CRORE).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return gettext("%(n)s crore", n=format_decimal(crores.normalize(), locale=spoken().locale))


def money_in_words(amount: Decimal | int | None) -> Markup:
    """`₹6.54 lakh` for the eye, the full amount for a screen reader."""
    if amount is None:
        return DASH
    sign, words = ("-", in_words(-amount)) if amount < 0 else ("", in_words(amount))
    return Markup('<span aria-hidden="true">{}₹{}</span><span class="vh">{}</span>').format(sign, words, money(amount))


def count(number: int, cap: int | None = None) -> str:
    """`1,00,000`; with a cap, `more than 1,000` for whatever lies above it."""
    if cap is not None and number > cap:
        return gettext("more than %(n)s", n=format_decimal(cap, locale=spoken().locale))
    return format_decimal(number, locale=spoken().locale)


def plural(number: int, one: str, many: str) -> str:
    """`1 order`, `1,200 orders`."""
    return f"{count(number)} {one if number == 1 else many}"


def day(moment: date | datetime | None) -> str:
    """`21 Aug`, with the year when it is not this one. A datetime means its Indian day."""
    if moment is None:
        return NOTHING
    local = clock.in_ist(moment).date() if isinstance(moment, datetime) else moment
    pattern = "d MMM" if local.year == clock.ist_today().year else "d MMM y"
    return format_date(local, pattern, locale=spoken().locale)


def clock_time(moment: datetime, *, seconds: bool = False) -> str:
    """`7:05 pm`, in Indian time."""
    local = clock.in_ist(moment)
    hour = local.hour % 12 or 12
    return f"{hour}:{local:%M:%S}" + _half(local) if seconds else f"{hour}:{local:%M}" + _half(local)


def _half(local: datetime) -> str:
    return " am" if local.hour < 12 else " pm"


def words_of(moment: datetime, *, seconds: bool = False) -> str:
    """`21 Aug, 7:05 pm` without markup: for titles, attributes and messages."""
    return f"{day(moment)}, {clock_time(moment, seconds=seconds)}"


def when(moment: datetime | None, *, seconds: bool = False) -> Markup:
    """`21 Aug, 7:05 pm` as a `<time>` that carries the UTC moment."""
    if moment is None:
        return DASH
    return _time(moment, words_of(moment, seconds=seconds))


def at(moment: datetime | None, *, seconds: bool = False) -> Markup:
    """`7:05 pm` as a `<time>`: where the day is already said."""
    return DASH if moment is None else _time(moment, clock_time(moment, seconds=seconds))


def ago(moment: datetime | None) -> Markup:
    """`4 min ago (21 Aug, 7:05 pm)` under an hour, otherwise only the date and time."""
    if moment is None:
        return DASH
    passed = clock.now() - moment
    if not timedelta(0) <= passed < timedelta(hours=1):
        return when(moment)
    minutes = int(passed.total_seconds() // 60)
    return Markup("{} ({})").format(gettext("%(n)s min ago", n=minutes) if minutes else gettext("just now"), when(moment))


def _time(moment: datetime, words: str) -> Markup:
    utc = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Markup('<time datetime="{}">{}</time>').format(utc, words)


def told(sentence: str | None) -> str | Markup:
    """A sentence or a word that was written in English, in the reader's language; marked as English where that has no translation."""
    if not sentence or isinstance(sentence, Markup):
        return sentence or ""
    said = retold(sentence)
    return Markup('<span lang="{}">{}</span>').format(ENGLISH.tag, sentence) if said is None else said


def said(sentence: str) -> str:
    """The same without markup, for titles and attributes."""
    return retold(sentence) or sentence


def mask(identifier: str) -> str:
    """An id for the page: enough to recognise, not enough to copy. `DV****21`."""
    return identifier if len(identifier) <= 4 else f"{identifier[:2]}****{identifier[-2:]}"


FILTERS = {
    "ago": ago,
    "at": at,
    "clock_time": clock_time,
    "count": count,
    "day": day,
    "in_words": in_words,
    "mask": mask,
    "money": money,
    "money_in_words": money_in_words,
    "plural": plural,
    "said": said,
    "told": told,
    "when": when,
    "words_of": words_of,
}
