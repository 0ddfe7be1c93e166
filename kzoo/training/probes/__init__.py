"""Linear probes: heads that are solved, not trained by steps."""
