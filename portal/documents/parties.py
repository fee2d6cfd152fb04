"""Who sells and who receives, as papers name them."""

import msgspec

from portal.marketplaces.indian import good_gstin

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
