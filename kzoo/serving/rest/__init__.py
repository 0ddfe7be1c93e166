"""A server of exported models with TensorFlow Serving's REST routes. It imports neither Keras nor training code."""
