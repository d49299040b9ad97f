"""A recipe to a trained model: the loop, its state on disk, and its processes."""
