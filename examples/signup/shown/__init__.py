"""Each twin's mistake by hand: plain SQLAlchemy, a folder, and a look at both. Nothing of acidity."""
