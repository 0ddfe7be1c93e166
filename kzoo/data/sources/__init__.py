"""Sources: one reader for each form that data comes in."""
