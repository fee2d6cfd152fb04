"""Bytes to facts and back, for both of AJIO's doors. Pure: no clock, no network, no settings."""
