"""Each twin once more as a plain script, without acidity."""
