/** How loud a microphone is heard. */

export const SILENT = -60;
const CLIPPED = 0.99;

/** Of samples in [-1, 1]: the root mean square in decibels, at least SILENT, and whether the
 * loudest is at the end of what can be recorded. */
export function levelOf(samples) {
  let [power, loudest] = [0, 0];
  for (const sample of samples) {
    power += sample * sample;
    loudest = Math.max(loudest, Math.abs(sample));
  }
  const decibels = 10 * Math.log10(power / samples.length + 1e-12);
  return { decibels: Math.max(SILENT, Math.min(0, decibels)), clipped: loudest >= CLIPPED };
}

/** Show a level, or that nothing is heard. */
export function showLevel(meter, level) {
  const decibels = level?.decibels ?? SILENT;
  meter.setAttribute("aria-valuenow", Math.round(decibels));
  meter.setAttribute("aria-valuetext", `${Math.round(decibels)} decibels`);
  meter.classList.toggle("clipped", Boolean(level?.clipped));
  meter.firstElementChild.style.transform = `scaleX(${1 - decibels / SILENT})`;
}
