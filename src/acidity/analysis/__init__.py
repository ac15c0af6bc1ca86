"""Pure functions of core values: what a run did to the rows, and whether two runs ended alike."""
