"""What encoders see of a waveform: log-Mel filter-bank features."""

from contravox.features.log_mel import FeatureSettings, LogMelFilterbank, frame_count

__all__ = ["FeatureSettings", "LogMelFilterbank", "frame_count"]
