"""Examples of several inputs at once, such as an image beside a text and columns of numbers."""
