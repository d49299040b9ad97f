/** Voiceprints as directions. */

export function unit(vector) {
  const length = Math.sqrt(dot(vector, vector));
  return Array.from(vector, (each) => each / Math.max(length, 1e-12));
}

/** Of two vectors of any length, in [-1, 1]. */
export function cosine(one, other) {
  return Math.max(-1, Math.min(1, dot(unit(one), unit(other))));
}

/** The direction of the mean of several, each of length 1. */
export function meanDirection(vectors) {
  const sum = new Array(vectors[0].length).fill(0);
  for (const vector of vectors) unit(vector).forEach((each, i) => (sum[i] += each));
  return unit(sum);
}

function dot(one, other) {
  return one.reduce((sum, each, i) => sum + each * other[i], 0);
}
