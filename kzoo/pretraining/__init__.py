"""Pretraining: a backbone learns from data without the labels of the final task."""
