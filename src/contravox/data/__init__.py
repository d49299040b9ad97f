"""Which segments make a batch, and how they are read."""
