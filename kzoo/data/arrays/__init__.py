"""Numbers: what is generic about modalities whose examples are arrays of one shape."""
