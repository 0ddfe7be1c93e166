"""KerasHub's networks as backbones of kzoo's: recognised, cut into layers, rewired."""
