"""A corpus made on the spot, and the systems trained and compared on it."""
