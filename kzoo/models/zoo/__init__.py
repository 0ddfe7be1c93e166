"""Networks that are kzoo's own, or that wrap KerasHub's."""
