"""Frozen features of a candidate, and their scores."""
