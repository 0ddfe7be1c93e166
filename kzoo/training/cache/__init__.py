"""The activation cache: the outputs of the trunk (the frozen layers), planned, computed, stored and read back."""
