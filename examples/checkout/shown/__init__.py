"""Each twin's mistake by hand: plain SQLAlchemy, two connections, and a look at the rows. Nothing of acidity."""
