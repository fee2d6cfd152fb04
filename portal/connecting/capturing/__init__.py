"""A method's values, sent by the marketplace's browser extension: a pairing code shown here, a message that comes in with it."""
