"""Rows of a table: columns of numbers, categories and dates, with missing values."""
