"""Learning curves: the score of a linear probe by the number of labels, and what more labels would bring."""
