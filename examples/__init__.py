"""Example applications that acidity is run on."""
