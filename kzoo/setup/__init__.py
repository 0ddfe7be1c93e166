"""Setup: what is known and built before training."""
