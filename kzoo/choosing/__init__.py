"""Choosing a model, and judging what transfer was worth: `rank`, `compare`, `verdict`."""
