"""Alignment: two frozen backbones, of two modalities, get one space of embeddings."""
