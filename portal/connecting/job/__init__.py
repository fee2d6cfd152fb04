"""The worker's half of the wizard: try the typed keys live, and turn a proven wizard into an account."""

from portal.connecting.job.confirming import confirm_wizard
from portal.connecting.job.testing import test_keys

__all__ = [
    "confirm_wizard",
    "test_keys",
]
