"""Images: columns, checks, preprocessing, augmentation."""
