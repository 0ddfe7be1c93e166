"""Kinds of task: all that differs between them, one row a kind."""

# Keras first: kzoo's classes are registered as soon as it is there, before any module of this package is half imported.
import keras as keras
