"""Flipkart's bytes to facts and back. Pure: no network, no clock, no database.

Money is INR in major units; times carry an offset on the wire and are UTC in facts. Everything here raises WireChanged and
nothing else: a row that cannot be read is set aside, an answer that cannot be read is the error.
"""
