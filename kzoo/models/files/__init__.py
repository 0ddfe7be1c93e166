"""Model files: checked before Keras, h5py or KerasHub open them."""
