"""Files for LiteRT (TensorFlow Lite), the runtime of phones and small devices."""
