/** How high a recording reaches, as contravox's Python has it (src/contravox/audio/quality.py). */

const BELOW_PEAK = 60; // decibels
const AROUND = 2; // bins on either side, of which the mean is taken
const LOWEST = 4; // bins between which the strongest is looked for: 125 Hz to 2 kHz
const HIGHEST = 64;

/** In Hz. frame: a power of two. */
export function bandwidthOf(waveform, rate, frame) {
  const power = meanPower(waveform, frame);
  const decibels = power.map((each) => 10 * Math.log10(each + 1e-20));
  const level = decibels.map((_, i) => {
    let sum = 0;
    for (let j = i - AROUND; j <= i + AROUND; j++) {
      sum += decibels[Math.max(0, Math.min(decibels.length - 1, j))];
    }
    return sum / (2 * AROUND + 1);
  });
  const least = Math.max(...level.slice(LOWEST, HIGHEST)) - BELOW_PEAK;
  const last = level.findLastIndex((each) => each > least);
  return last < 0 ? 0 : (last * rate) / frame;
}

/** The power spectra of the louder half of the frames, summed. */
function meanPower(waveform, frame) {
  const offset = waveform.reduce((sum, each) => sum + each, 0) / waveform.length;
  const frames = [];
  for (let start = 0; start + frame <= waveform.length; start += frame) {
    const samples = waveform.subarray(start, start + frame);
    // Of nothing but zeros the recorder was silent.
    const sounds = samples.some((each) => each !== 0);
    const power = sounds ? samples.reduce((sum, each) => sum + (each - offset) ** 2, 0) : 0;
    frames.push({ samples, power });
  }
  const window = Array.from({ length: frame }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / (frame - 1)));
  const median = medianOf(frames.map(({ power }) => power));
  const sum = new Array(frame / 2 + 1).fill(0);
  for (const { samples, power } of frames) {
    if (power < median) continue;
    const [real, imaginary] = transformed(Array.from(samples, (each, i) => each * window[i]));
    for (let i = 0; i < sum.length; i++) sum[i] += real[i] ** 2 + imaginary[i] ** 2;
  }
  return sum;
}

function medianOf(values) {
  const ordered = [...values].sort((one, other) => one - other);
  const half = ordered.length / 2;
  return (ordered[Math.floor(half - 0.5)] + ordered[Math.floor(half)]) / 2;
}

/** The Fourier transform of real numbers, as many as a power of two (Cooley and Tukey 1965). */
function transformed(values) {
  const size = values.length;
  if (size === 1) return [values, [0]];
  const [even, odd] = [0, 1].map((rest) => transformed(values.filter((_, i) => i % 2 === rest)));
  const real = new Array(size);
  const imaginary = new Array(size);
  for (let i = 0; i < size / 2; i++) {
    const angle = (-2 * Math.PI * i) / size;
    const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
    const turned = odd[0][i] * cosine - odd[1][i] * sine;
    const turnedToo = odd[0][i] * sine + odd[1][i] * cosine;
    real[i] = even[0][i] + turned;
    imaginary[i] = even[1][i] + turnedToo;
    real[i + size / 2] = even[0][i] - turned;
    imaginary[i + size / 2] = even[1][i] - turnedToo;
  }
  return [real, imaginary];
}
