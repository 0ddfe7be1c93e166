"""The report of an adapted model: what it does well, where it falls behind, and what is wrong with its data."""
