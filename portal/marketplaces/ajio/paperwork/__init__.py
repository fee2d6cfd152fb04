"""Files that go between the portal and the seller panel by the seller's own hands: sheets out, results and papers in."""
