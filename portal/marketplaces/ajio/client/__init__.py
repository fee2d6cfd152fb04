"""AJIO's two doors: the partner API with a POB's password, and the seller panel with a captured session."""
