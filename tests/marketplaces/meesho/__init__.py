"""Meesho, against its own sandbox over real HTTP."""
