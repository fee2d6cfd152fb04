"""The seller portal: four marketplaces, one place."""

import os
from pathlib import Path

# Piccolo looks its configuration up by this name; without it `piccolo_conf.py` would have to stand at top level.
os.environ.setdefault("PICCOLO_CONF", "portal.piccolo_conf")

__version__ = "0.1.0"

MIGRATIONS = Path(__file__).resolve().parent.parent / "piccolo_migrations"
