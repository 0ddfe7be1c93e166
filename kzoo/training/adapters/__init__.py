"""Adapters of phases: the weights that they change, and the differences to these that train."""
