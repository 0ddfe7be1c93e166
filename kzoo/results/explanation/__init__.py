"""Explanations: which parts of an input an adapted model's output rests on."""
