"""A worker that dies at one step of a batch, without a process to kill: nothing catches it, and nothing tidies up."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from portal.marketplaces.contract import AccountRef
from portal.processing import steps
from portal.processing.steps import Step
from portal.runs.kept import Kept


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def dies_at(when: Callable[[Step], bool]) -> Iterator[None]:
    """The body's work dies right before the first such step is written down, and has to come there."""
    keep = steps.keep

    async def dying(account: AccountRef, step: Step) -> Kept:
        if when(step):
            raise Killed
        return await keep(account, step)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(steps, "keep", dying)
        with pytest.raises(Killed):
            yield
