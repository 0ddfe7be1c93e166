"""Graphs of functional Keras models: walked, cut, called, cloned, folded; and all of Keras that is not public."""

# Keras first: kzoo's classes are registered as soon as it is there, before any module of this package is half imported.
import keras as keras
