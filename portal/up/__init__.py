"""`make up`: the whole portal on one machine, under one supervisor. `run` is what `python -m portal up` calls."""

from portal.up.supervisor import run

__all__ = ["run"]
