"""Every table of the portal: the spine's, and each marketplace's satellite from the registry."""

from piccolo.conf.apps import AppConfig, table_finder
from piccolo.table import Table

from portal import MIGRATIONS
from portal.marketplaces.registry import MARKETPLACES

SPINE = table_finder(
    modules=[
        "portal.tables.accounts",
        "portal.tables.audit",
        "portal.tables.buyers",
        "portal.tables.calls",
        "portal.tables.canaries",
        "portal.tables.exports",
        "portal.tables.inventory",
        "portal.tables.listings",
        "portal.tables.notices",
        "portal.tables.operator",
        "portal.tables.orders",
        "portal.tables.outbox",
        "portal.tables.pacing",
        "portal.tables.payouts",
        "portal.tables.people",
        "portal.tables.printing",
        "portal.tables.problems",
        "portal.tables.processing",
        "portal.tables.requests",
        "portal.tables.returns",
        "portal.tables.schedules",
        "portal.tables.shipments",
        "portal.tables.syncs",
        "portal.tables.tax",
        "portal.tables.tries",
        "portal.tables.tickets",
        "portal.tables.tallies",
        "portal.tables.wizards",
    ],
)

APP_CONFIG = AppConfig(
    app_name="portal",
    migrations_folder_path=str(MIGRATIONS),
    table_classes=[*SPINE, *(place.details for place in MARKETPLACES if place.details is not None and issubclass(place.details, Table))],
)
