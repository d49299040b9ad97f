"""contravox: speaker verification by contrastive learning."""
