"""How a marketplace declares the stages that bring an open order to the courier's hands."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of full processing. `code` goes into rows and stays; `title`, `phase` and `gate` are shown.

    `needs` and `produces` name what an order must have before and has afterwards, so that the list can be checked. Orders may
    still join a batch that stands at a stage that `joins`. A person's decision to drop an order is
    told to the marketplace at the stage that `drops`. A stage that `closes` begins when the account's own rule allows it. `follows`
    names what else the account's owner has settled and this stage heeds: stock_policy, tax_number.
    """

    code: str
    title: str
    phase: str
    gate: str
    needs: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    joins: bool = False
    closes: bool = False
    drops: bool = False
    follows: tuple[str, ...] = ()
