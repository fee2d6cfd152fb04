"""Indian numbers that can be checked without asking anybody: GSTIN and pincode.

Sources: the check character of a GSTIN as the GST network defines it (base 36, weights 1 and 2 in turn); India Post's allotment of the
first two or three digits of a pincode to states.
"""

import re

LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
GSTIN = re.compile(r"^[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]$")
PINCODE = re.compile(r"^[1-9][0-9]{5}$")

_STATES = {
    "11": "delhi",
    "12": "haryana",
    "13": "haryana",
    "14": "punjab",
    "15": "punjab",
    "16": "punjab chandigarh haryana",
    "17": "himachalpradesh",
    "18": "jammuandkashmir",
    "19": "jammuandkashmir ladakh",
    **{str(first): "uttarpradesh" for first in (20, 21, 22, 23, 27, 28)},
    "24": "uttarpradesh uttarakhand",
    "25": "uttarpradesh uttarakhand",
    "26": "uttarpradesh uttarakhand",
    **{str(first): "rajasthan" for first in range(30, 35)},
    "36": "gujarat dadraandnagarhavelianddamananddiu",
    "37": "gujarat",
    "38": "gujarat",
    "39": "gujarat dadraandnagarhavelianddamananddiu",
    "40": "maharashtra goa",
    **{str(first): "maharashtra" for first in (41, 42, 43, 44)},
    **{str(first): "madhyapradesh" for first in (45, 46, 47, 48)},
    "49": "chhattisgarh",
    "50": "telangana",
    **{str(first): "andhrapradesh" for first in (51, 52)},
    "53": "andhrapradesh puducherry",
    **{str(first): "karnataka" for first in (56, 57, 58, 59)},
    "60": "tamilnadu puducherry",
    **{str(first): "tamilnadu" for first in (61, 62, 63, 64)},
    "67": "kerala puducherry",
    "68": "kerala lakshadweep",
    "69": "kerala",
    **{str(first): "westbengal" for first in (70, 71, 72)},
    "73": "westbengal sikkim",
    "74": "westbengal andamanandnicobarislands",
    **{str(first): "odisha" for first in (75, 76, 77)},
    "78": "assam",
    "79": "arunachalpradesh meghalaya manipur mizoram nagaland tripura assam",
    **{str(first): "bihar jharkhand" for first in (80, 81, 82, 83, 84, 85)},
}
_OTHER_NAMES = {
    "nctofdelhi": "delhi",
    "newdelhi": "delhi",
    "orissa": "odisha",
    "pondicherry": "puducherry",
    "uttaranchal": "uttarakhand",
    "jammukashmir": "jammuandkashmir",
    "andamannicobar": "andamanandnicobarislands",
    "andamanandnicobar": "andamanandnicobarislands",
    "damananddiu": "dadraandnagarhavelianddamananddiu",
    "dadraandnagarhaveli": "dadraandnagarhavelianddamananddiu",
}


def gstin_check(first_fourteen: str) -> str:
    """The fifteenth character that belongs to these fourteen."""
    total = 0
    for place, letter in enumerate(first_fourteen):
        product = LETTERS.index(letter) * (1 + place % 2)
        total += product // 36 + product % 36
    return LETTERS[-total % 36]


def good_gstin(gstin: str) -> bool:
    """Whether this can be a GSTIN: its shape and its check character."""
    return bool(GSTIN.match(gstin)) and gstin_check(gstin[:14]) == gstin[14]


def states_of(pincode: str) -> frozenset[str]:
    """The states that a pincode may lie in, as plain words; empty for one that does not exist."""
    if not PINCODE.match(pincode):
        return frozenset()
    return frozenset(_STATES.get(pincode[:2], "").split())


def lies_in(pincode: str, state: str) -> bool:
    """Whether the pincode belongs to the state, however the state is written. `9x` is the army's and lies in all of them."""
    if PINCODE.match(pincode) and pincode.startswith("9"):
        return True
    return plain_state(state) in states_of(pincode)


def plain_state(state: str) -> str:
    """A state's name as one plain word, however it is written: "Jammu & Kashmir" is "jammuandkashmir", "Orissa" is "odisha"."""
    plain = "".join(letter for letter in state.lower().replace("&", "and") if letter.isalpha())
    return _OTHER_NAMES.get(plain, plain)
