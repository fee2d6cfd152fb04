"""The life of key rings in a running portal: what is sealed where, sealing it anew for a newer key, and canaries for wrong rings.

`portal.vault` is the cryptography; here is what knows the tables. `files` changes the ring files, `resealing` follows in the
database, with `anew` for single rows.
"""
