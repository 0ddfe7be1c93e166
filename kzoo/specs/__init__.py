"""Values: what a user types, printable and comparable, without Keras."""
