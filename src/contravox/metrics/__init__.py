"""Measures of scores and targets: plain functions, float64, for tens of millions of trials."""

from contravox.metrics.bootstrap import bootstrap_speakers, percentile_interval
from contravox.metrics.det_curve import DetCurve, det_curve
from contravox.metrics.detection_cost import actual_detection_cost, minimum_detection_cost
from contravox.metrics.error_rates import equal_error_rate, false_rejection_rate
from contravox.metrics.log_likelihood_ratio_cost import (
    log_likelihood_ratio_cost,
    minimum_log_likelihood_ratio_cost,
)
from contravox.metrics.paired_bootstrap import paired_bootstrap

__all__ = [
    "DetCurve",
    "actual_detection_cost",
    "bootstrap_speakers",
    "det_curve",
    "equal_error_rate",
    "false_rejection_rate",
    "log_likelihood_ratio_cost",
    "minimum_detection_cost",
    "minimum_log_likelihood_ratio_cost",
    "paired_bootstrap",
    "percentile_interval",
]
