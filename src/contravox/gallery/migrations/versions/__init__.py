"""A file for each version of the tables, named by its number."""
