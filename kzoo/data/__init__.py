"""From raw data to batches: sources, audit, splits, images, augmentation."""

# Keras first: kzoo's classes are registered as soon as it is there, before any module of this package is half imported.
import keras as keras
