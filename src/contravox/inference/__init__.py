"""A trained model put to use: recordings to embeddings and to answers."""
