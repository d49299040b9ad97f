/** How numbers and sentences are written. */

/** With so many decimals, and a minus that is one. */
export function decimal(value, digits = 2) {
  return value.toFixed(digits).replace("-", "−");
}

export function inSeconds(value) {
  return `${value.toFixed(1)} s`;
}

/** A share in per cent, never surer than can be meant. */
export function percent(share) {
  if (share > 0.999) return "over 99.9 %";
  if (share < 0.001) return "under 0.1 %";
  return `${(100 * share).toFixed(1)} %`;
}

/** Odds of a log-likelihood ratio (natural), as they are said: 120:1. */
export function odds(ratio) {
  const times = Math.exp(Math.min(Math.abs(ratio), 1000));
  let told = times.toFixed(1).replace(/\.0$/, "");
  if (times >= 10) told = Number(times.toPrecision(2)).toLocaleString("en");
  if (times > 1e6) told = "1,000,000+";
  return ratio < 0 ? `1:${told}` : `${told}:1`;
}

/** What a program says, as people write it. */
export function sentence(text) {
  const first = text[0].toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
