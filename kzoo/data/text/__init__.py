"""Texts: columns, tokenizers, preprocessing."""
