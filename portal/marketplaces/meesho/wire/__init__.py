"""Bytes to facts and facts to bytes, as section by section of Meesho's answers. Pure: no network, no clock, no table."""
