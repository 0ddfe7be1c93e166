"""Search for the best configuration of a model on a task."""
