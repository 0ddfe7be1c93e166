"""Evaluation: metrics with their intervals."""
