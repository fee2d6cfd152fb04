"""Where Piccolo finds its engine and its one app."""

import os

from piccolo.conf.apps import AppRegistry

from portal.db import engine as DB  # noqa: N812 (Piccolo looks for this name)

if not DB.config and os.environ.get("PORTAL_DATABASE_URL"):
    DB.config = {"dsn": os.environ["PORTAL_DATABASE_URL"]}

APP_REGISTRY = AppRegistry(apps=["portal.piccolo_app"])
