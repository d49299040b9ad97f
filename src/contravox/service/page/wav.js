/** Samples to a WAV file. */

const HEADER = 44;

/** Samples in [-1, 1] to 16-bit integers, as they are sent and kept. */
export function pcm16(samples) {
  const whole = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    const value = Math.max(-1, Math.min(1, samples[i]));
    whole[i] = Math.round(value * 32767);
  }
  return whole;
}

/** One channel of samples in [-1, 1] to the bytes of a WAV file of 16 bits. */
export function wavOf(samples, rate) {
  const bytes = 2 * samples.length;
  const view = new DataView(new ArrayBuffer(HEADER + bytes));
  const text = (at, word) => [...word].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, HEADER - 8 + bytes, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // bytes of the format
  view.setUint16(20, 1, true); // integers
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true); // bytes a second
  view.setUint16(32, 2, true); // bytes of all channels at one moment
  view.setUint16(34, 16, true); // bits
  text(36, "data");
  view.setUint32(40, bytes, true);
  pcm16(samples).forEach((value, i) => view.setInt16(HEADER + 2 * i, value, true));
  return view.buffer;
}
