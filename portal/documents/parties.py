"""Who sells and who receives, as papers name them."""

import msgspec

from portal.marketplaces.indian import good_gstin, plain_state, states_of

STATES = {
    "01": "Jammu and Kashmir", "02": "Himachal Pradesh", "03": "Punjab", "04": "Chandigarh", "05": "Uttarakhand", "06": "Haryana",
    "07": "Delhi", "08": "Rajasthan", "09": "Uttar Pradesh", "10": "Bihar", "11": "Sikkim", "12": "Arunachal Pradesh", "13": "Nagaland",
    "14": "Manipur", "15": "Mizoram", "16": "Tripura", "17": "Meghalaya", "18": "Assam", "19": "West Bengal", "20": "Jharkhand",
    "21": "Odisha", "22": "Chhattisgarh", "23": "Madhya Pradesh", "24": "Gujarat",
    "26": "Dadra and Nagar Haveli and Daman and Diu", "27": "Maharashtra", "29": "Karnataka", "30": "Goa", "31": "Lakshadweep",
    "32": "Kerala", "33": "Tamil Nadu", "34": "Puducherry", "35": "Andaman and Nicobar Islands", "36": "Telangana",
    "37": "Andhra Pradesh", "38": "Ladakh",
}  # fmt: skip
"""GST state codes, as the first two digits of a GSTIN say them."""

LETTERS = {
    "JK": "01", "HP": "02", "PB": "03", "CH": "04", "UT": "05", "UK": "05", "HR": "06", "DL": "07", "RJ": "08", "UP": "09", "BR": "10",
    "SK": "11", "AR": "12", "NL": "13", "MN": "14", "MZ": "15", "TR": "16", "ML": "17", "AS": "18", "WB": "19", "JH": "20", "OR": "21",
    "OD": "21", "CT": "22", "CG": "22", "MP": "23", "GJ": "24", "DH": "26", "DN": "26", "DD": "26", "MH": "27", "KA": "29", "GA": "30",
    "LD": "31", "KL": "32", "TN": "33", "PY": "34", "AN": "35", "TG": "36", "TS": "36", "AP": "37", "LA": "38",
}  # fmt: skip
"""GST state codes by the letters of ISO 3166-2:IN, former ones among them."""

WITHOUT_LEGISLATURE = frozenset({"04", "26", "31", "35", "38"})
"""Union territories where the second half of the tax is called UTGST."""


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """A business or a person: `address` in lines, `state` as a GST code such as "27". `gstin` is empty for a buyer without one."""

    name: str
    address: tuple[str, ...]
    state: str
    gstin: str = ""

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ValueError(f"{self.state!r} is not a GST state code")
        if self.gstin and (not good_gstin(self.gstin) or self.gstin[:2] != self.state):
            raise ValueError("a GSTIN begins with the code of its state, and its 15th character fits the others")

    def __repr__(self) -> str:
        return f"Party(state={self.state!r})"

    @property
    def state_name(self) -> str:
        return STATES[self.state]


_BY_NAME = {plain_state(name): code for code, name in STATES.items()}


def state_code(state: str, pincode: str = "") -> str:
    """The GST code of a state as marketplaces write it: "Maharashtra", "MH", "IN-MH" or "27"; by its pincode where that names one state only.

    Empty where neither says.
    """
    letters = state.strip().upper().removeprefix("IN-")
    found = letters if letters in STATES else LETTERS.get(letters) or _BY_NAME.get(plain_state(state), "")
    lies = states_of(pincode)
    return found or (_BY_NAME.get(next(iter(lies)), "") if not state.strip() and len(lies) == 1 else "")
