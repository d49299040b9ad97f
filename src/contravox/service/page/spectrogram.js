/** What was heard, drawn: time to the right, frequency upwards, the louder the stronger. */

import { transform } from "./fourier.js";

const WINDOW = 0.025; // seconds that each column hears
const HIGHEST = 8000; // Hz: what speech is recognised by lies below
const RANGE = 65; // decibels below the loudest that are drawn
const SHADES = 256;

/**
 * Power by frequency at so many moments, in decibels below the loudest.
 *
 * samples: one channel; rate: samples a second. Gives columns, Float32Array of bins each from 0 Hz
 * upwards, and the frequency of the last bin in Hz.
 */
export function spectrogramOf(samples, rate, columns) {
  const length = Math.round(WINDOW * rate);
  const size = 2 ** Math.ceil(Math.log2(length));
  const bins = Math.min(size / 2, Math.floor((HIGHEST * size) / rate)) + 1;
  const window = Float64Array.from(
    { length },
    (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / length),
  );
  const powers = [];
  for (let column = 0; column < columns; column++) {
    const middle = ((column + 0.5) / columns) * samples.length;
    powers.push(powerAround(samples, Math.round(middle - length / 2), window, size, bins));
  }
  const loudest = powers.reduce(
    (most, column) => column.reduce((a, b) => Math.max(a, b), most),
    1e-12,
  );
  const decibels = powers.map((column) =>
    column.map((power) => 10 * Math.log10(power / loudest + 1e-12)),
  );
  return { columns: decibels, highest: ((bins - 1) * rate) / size };
}

/** Draw it into a canvas, as wide and high as the page shows it, in the page's colours. */
export function drawSpectrogram(canvas, samples, rate) {
  const density = Math.min(2, window.devicePixelRatio || 1);
  canvas.width = Math.max(1, Math.round(canvas.clientWidth * density));
  canvas.height = Math.max(1, Math.round(canvas.clientHeight * density));
  const { columns } = spectrogramOf(samples, rate, canvas.width);
  const shades = shadesOf(canvas);
  const context = canvas.getContext("2d");
  const picture = context.createImageData(canvas.width, canvas.height);
  const bins = columns[0].length;
  for (let y = 0; y < canvas.height; y++) {
    const bin = Math.round((1 - y / Math.max(1, canvas.height - 1)) * (bins - 1));
    for (let x = 0; x < canvas.width; x++) {
      const loudness = Math.max(0, 1 + columns[x][bin] / RANGE);
      const shade = 4 * Math.round(loudness * (SHADES - 1));
      picture.data.set(shades.subarray(shade, shade + 4), 4 * (y * canvas.width + x));
    }
  }
  context.putImageData(picture, 0, 0);
}

function powerAround(samples, start, window, size, bins) {
  const real = new Float64Array(size);
  const imaginary = new Float64Array(size);
  for (let i = 0; i < window.length; i++) real[i] = (samples[start + i] ?? 0) * window[i];
  transform(real, imaginary);
  return Float32Array.from({ length: bins }, (_, k) => real[k] ** 2 + imaginary[k] ** 2);
}

/** From quiet to loud, (SHADES · 4,): the browser mixes the three colours of the style sheet. */
function shadesOf(canvas) {
  const style = getComputedStyle(canvas);
  const strip = new OffscreenCanvas(SHADES, 1).getContext("2d");
  const gradient = strip.createLinearGradient(0, 0, SHADES, 0);
  ["--quiet", "--middle", "--loud"].forEach((name, i) => {
    gradient.addColorStop(i / 2, style.getPropertyValue(name).trim());
  });
  strip.fillStyle = gradient;
  strip.fillRect(0, 0, SHADES, 1);
  return strip.getImageData(0, 0, SHADES, 1).data;
}
