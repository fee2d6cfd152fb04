"""Bytes to facts and facts to request bodies, one module per subject. Pure: no clock, no network, no tables."""
