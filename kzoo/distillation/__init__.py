"""Distillation: a student learns from a teacher's outputs or features."""
