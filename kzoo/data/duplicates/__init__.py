"""Near duplicates: examples that are nearly the same, though their files differ."""
