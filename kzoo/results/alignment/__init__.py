"""Aligned backbones: retrieval, and classification by the names of classes."""
