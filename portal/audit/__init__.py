"""The audit trail: writing it, reading it, and proving that nothing of it was altered. Its pages are in `portal.trail`."""
