"""What somebody who helps needs to see, and nothing else: one file, made in one click."""
