"""What to do about a run that came to an end too early."""

import msgspec

from portal.runs.painting.wording import NEXT, TARGETS
from portal.runs.service import Listed, Problem, ProblemKind
from portal.tables.syncs import RunState

BATCH = "FULL_PROCESSING"
"""What moves a batch; cut short, it waits for a person's decision."""

NEEDS_SELLER = {"keys_rejected", "secret_unreadable"}
"""Ends that a retry cannot mend: the seller has to reconnect first."""


def retry_of(run: Listed) -> str:
    """Where the failed part of a listed run is asked for again; empty when there is none, or the seller has to act first."""
    unfinished = run.state in (RunState.FAILED, RunState.CANCELLED) or (
        run.state == RunState.PARTIAL and run.partial_kind == "cut" and run.target != BATCH
    )
    return f"/syncs/{run.id}/retry" if unfinished and run.error_code not in NEEDS_SELLER else ""


class Remedy(msgspec.Struct, frozen=True, kw_only=True):
    """The one thing to do about a problem. `post`: a button that acts, else a link. `permission` is what it takes."""

    label: str
    href: str
    post: bool = False
    permission: str = "read"


def remedy(problem: Problem) -> Remedy:
    """What helps: a reconnect where the seller must act, the rows where they are, otherwise going on where it stopped."""
    account = f"/accounts/{problem.account_id}"
    if problem.kind is ProblemKind.SET_ASIDE:
        return Remedy(label="View the rows", href=f"/set-asides?account={problem.account_id}")
    if problem.code in NEEDS_SELLER:
        return Remedy(label="Reconnect", href=f"{account}/reconnect", permission="connect")
    if problem.code == "not_allowed":
        return Remedy(label="See what is not shared", href=account)
    if problem.kind is ProblemKind.WAITS:
        words, href = NEXT[problem.attention]
        return Remedy(label=words, href=href)
    return Remedy(label="Retry failed part", href=f"/syncs/{problem.run_id}/retry", post=True, permission="sync")


def targets(problem: Problem) -> str:
    """The types a problem concerns: orders, returns."""
    return ", ".join(TARGETS[target].lower() for target in problem.targets)
