"""One task after another: earlier tasks of an adapted model that is adapted again keep their heads."""
