"""Measurements: `make bench` prints one JSON object per figure. Never part of `make test`, and nothing asserts a speed."""
