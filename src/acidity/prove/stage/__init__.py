"""The stage: one Scenario on a database of acidity's own, ready to run its operations again and again."""
