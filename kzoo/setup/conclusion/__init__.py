"""From trained phases to a result: test-time augmentation, temperatures and the record."""
