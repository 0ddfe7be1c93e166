"""Recordings: columns, spectrograms, preprocessing, augmentation."""
