"""What became of a page of facts: the counts every `keep` answers and every run adds up."""

import msgspec


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """How many facts of a page were new, changed something, or said what we knew."""

    new: int = 0
    changed: int = 0
    same: int = 0

    def __add__(self, other: "Kept") -> "Kept":
        return Kept(new=self.new + other.new, changed=self.changed + other.changed, same=self.same + other.same)
