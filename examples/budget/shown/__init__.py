"""Each twin's mistake by hand: plain SQLAlchemy, its own tables, and a look at the rows. Nothing of acidity."""
