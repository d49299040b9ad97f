"""What two embeddings are compared by."""

from typing import Literal

Comparison = Literal["cosine", "Euclidean distance"]
"""What a model's embeddings were trained to be compared by: their cosine, or as they are by their
distance, of which minus the square is the score."""
