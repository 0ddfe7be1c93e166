"""Training: trunk and tail, phases, optimizers, strategies."""
