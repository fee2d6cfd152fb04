"""How far the live test of a setup has come, for whoever watches it."""

import msgspec

from portal import db, nudges
from portal.connecting import service
from portal.marketplaces.contract import Check, Permission
from portal.tables.wizards import ConnectWizard


class Progress:
    """The four lines of the test and each kind of data, written as they are proven."""

    def __init__(self, wizard: ConnectWizard) -> None:
        self._wizard = wizard
        self.lines: dict[str, str] = dict.fromkeys(Check, "waiting")
        self._found: list[Permission] = []

    async def begin(self) -> None:
        self.lines[Check.REACHED] = "checking"
        await self.write()

    async def checked(self, check: Check) -> None:
        self.lines[check] = "ok"
        following = next((one for one in Check if self.lines[one] == "waiting"), None)
        if following and all(self.lines[one] != "checking" for one in Check):
            self.lines[following] = "checking"
        await self.write()

    async def tried(self, permission: Permission) -> None:
        self._found.append(permission)
        await self.write()

    def settled(self) -> dict[str, str]:
        """The lines as they stand, for a test that stops here without a problem."""
        return {check: state if state == "ok" else "waiting" for check, state in self.lines.items()}

    def broken(self) -> None:
        for check in Check:
            if self.lines[check] != "ok":
                self.lines[check] = "problem"
                return

    async def write(self) -> None:
        async with db.transaction(self._wizard.seller_id) as held:
            await held.execute(
                "UPDATE connect_wizards SET checks = $3, permissions = $4 WHERE id = $1 AND test_attempt = $2 AND test_state = 'running'",
                self._wizard.id,
                self._wizard.test_attempt,
                msgspec.json.encode(self.lines).decode(),
                msgspec.json.encode(self._found).decode(),
            )
            await nudges.nudge(service.topic(self._wizard.id))
