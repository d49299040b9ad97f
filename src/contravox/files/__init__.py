"""Files that appear whole, are claimed before the work, and are told apart by their content."""
