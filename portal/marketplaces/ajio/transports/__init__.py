"""The same work through either door: pages of facts, each with the cursor that follows it."""
