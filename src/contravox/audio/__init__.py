"""Recordings and their files to waveforms."""
