"""What an operator types: `python -m portal …`, one module per noun."""
