"""Serving: a SavedModel that answers from bytes, checked before it is there."""
