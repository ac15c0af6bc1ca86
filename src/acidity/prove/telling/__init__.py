"""How any check words what it found: stable names, and what the steps after an operation did."""
