"""Records of runs: what was done, on which data, and what came out."""
