"""What a run came to: as a page, on paper, and by mail after each scheduled batch."""
