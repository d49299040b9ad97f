"""What is said to people, and being asked to stop by them."""
