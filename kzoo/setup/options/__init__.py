"""Options of a run that a user passes as objects or names."""
