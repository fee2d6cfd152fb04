"""The way through the marketplace: the seller is sent there to press Allow, and comes back with a code.

`leaving` and `returning` are the web's half; `redeeming` is the worker's, which alone knows the operator's application secret.
"""
