"""The pages of people, a file for each errand."""

from portal.people.routes import devices, entering, proving

HANDLERS = (*entering.HANDLERS, *devices.HANDLERS, *proving.HANDLERS)
