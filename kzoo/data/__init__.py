"""From raw data to batches: sources, audit, splits, pictures, augmentation."""
