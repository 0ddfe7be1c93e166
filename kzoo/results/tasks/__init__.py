"""Several tasks on one backbone: each of them as a model of its own."""
