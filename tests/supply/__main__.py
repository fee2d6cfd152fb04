"""`python -m tests.supply audit` tells what is known about locked packages, `advisories` asks anew, `licences` writes LICENCES.md."""

import argparse
import sys
from datetime import UTC, datetime

from tests.supply.auditing import NotAsked, ask, audited, known, report
from tests.supply.licensing import LISTED, listing
from tests.supply.locking import LOCK, locked


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.supply", description="Look at what the portal is made of.")
    parser.add_argument("what", choices=("audit", "advisories", "licences"))
    what, packages, today = parser.parse_args().what, locked(LOCK.read_text()), datetime.now(UTC).date()
    if what == "licences":
        LISTED.write_text(listing(packages))
        return
    if what == "advisories":
        try:
            ask(today=today)
        except NotAsked as error:
            sys.exit(f"{error} What `make check` knows stays as it is. Try again where there is a network.")
    # It warns and never fails: a weakness that was published today must not stop what is being mended.
    for line in report(packages, known(), audited(), today=today):
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
