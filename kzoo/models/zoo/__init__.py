"""kzoo's own networks, and wrappers of KerasHub's."""
