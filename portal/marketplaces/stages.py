"""How a marketplace declares the stages that bring an open order to the courier's hands."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of full processing. `code` goes into rows and stays; `title`, `phase` and `gate` are shown.

    `needs` and `produces` name what an order must have before and has afterwards, so that the list can be checked. Orders may
    still join a batch that stands at a stage that `joins`. A person's decision to drop an order is
    told to the marketplace at the stage that `drops`. A stage that `closes` begins when the account's own rule allows it; without one
    no cut-off counts. A stage that `reduces` may promise fewer pieces than were ordered; without one an order goes whole or not at all. One that
    `checks_tax_number` compares invoices with the seller's own GSTIN.
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
    reduces: bool = False
    checks_tax_number: bool = False
