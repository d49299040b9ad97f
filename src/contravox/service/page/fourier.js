/** The fast Fourier transform, by Cooley and Tukey: radix 2, in place. */

/**
 * Transform complex numbers in place.
 *
 * real, imaginary: Float64Array of the same length, a power of two.
 */
export function transform(real, imaginary) {
  const n = real.length;
  reorder(real, imaginary);
  for (let size = 2; size <= n; size *= 2) {
    const half = size / 2;
    for (let k = 0; k < half; k++) {
      const angle = (-2 * Math.PI * k) / size;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      for (let even = k; even < n; even += size) {
        const odd = even + half;
        const re = real[odd] * cos - imaginary[odd] * sin;
        const im = real[odd] * sin + imaginary[odd] * cos;
        real[odd] = real[even] - re;
        imaginary[odd] = imaginary[even] - im;
        real[even] += re;
        imaginary[even] += im;
      }
    }
  }
}

/** Bring what lies at each index to the index with its bits reversed. */
function reorder(real, imaginary) {
  const n = real.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [real[i], real[j]] = [real[j], real[i]];
      [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
    }
  }
}
