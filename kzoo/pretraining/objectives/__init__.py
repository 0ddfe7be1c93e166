"""Objectives: what a backbone is pretrained for, one a file, each with its paper."""

# Keras first: kzoo's classes are registered as soon as it is there, before any module of this package is half imported.
import keras as keras
