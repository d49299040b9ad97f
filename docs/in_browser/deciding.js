/** From scores to probabilities and decisions, as contravox's Python has it: from even odds, and where
 * one error costs what the other does. */

/** The log-likelihood ratio (natural) of a score, by the model's calibration. one, other: seconds and
 * bandwidth (Hz) of what was compared, of several recordings their mean. */
export function ratioOf({ calibration }, score, one, other) {
  const { offset, weights } = calibration;
  const known = {
    score,
    duration: Math.log(2 / (1 / one.seconds + 1 / other.seconds)),
    lower_bandwidth: Math.min(one.bandwidth, other.bandwidth) / 1000,
    higher_bandwidth: Math.max(one.bandwidth, other.bandwidth) / 1000,
  };
  return Object.entries(weights).reduce((sum, [name, each]) => sum + each * known[name], offset);
}

/** That it is the same speaker and not another. */
export function probabilityOf(ratio) {
  return 1 / (1 + Math.exp(-ratio));
}

export function decisionOf(ratio) {
  return ratio >= 0;
}

/** That it is each of several speakers, by the ratio of each, and that it is nobody of them: where
 * somebody of them, each as likely as the other, is beforehand as likely as nobody. */
export function openSetOf(ratios) {
  const highest = Math.max(0, ...ratios);
  const weights = ratios.map((ratio) => Math.exp(ratio - highest) / ratios.length);
  const ofNobody = Math.exp(-highest);
  const sum = weights.reduce((a, b) => a + b, ofNobody);
  return { probabilities: weights.map((each) => each / sum), nobody: ofNobody / sum };
}
