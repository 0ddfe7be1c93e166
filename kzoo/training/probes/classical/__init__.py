"""Classical heads: how each is solved, one file a head."""
