"""The catalog: the cards of all backbones that kzoo knows by name."""
