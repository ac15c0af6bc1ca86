"""Each twin's mistake by hand: plain SQLAlchemy, a gateway that is a list, and a look at both. Nothing of acidity."""
