"""Everything a seller has here in one file, to take along."""
