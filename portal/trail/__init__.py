"""The pages of the audit trail: read it, narrow it, take it away, see that it is whole."""
