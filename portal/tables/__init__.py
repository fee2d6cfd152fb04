"""The spine: what every feature stands on. Columns, constraints, tiny predicates."""
