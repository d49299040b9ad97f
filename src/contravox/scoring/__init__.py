"""Embeddings to scores, and scores to log-likelihood ratios and decisions."""
