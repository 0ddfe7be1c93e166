"""Linear models of sparse features: their counts, and how they are solved."""
