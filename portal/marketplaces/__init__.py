"""Everything that knows how a marketplace speaks."""
