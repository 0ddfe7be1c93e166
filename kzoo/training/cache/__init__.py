"""The cache: activations at the end of the trunk, planned, computed, kept and read back."""
