"""A system on a trial list: what its scores are worth, and beside another's."""
