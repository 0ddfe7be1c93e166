"""Saved models as files: written, loaded, verified."""
