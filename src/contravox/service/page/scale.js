/** A score or a ratio drawn on a line, against what it is held against. */

import { drawn } from "./elements.js";
import { decimal, odds } from "./wording.js";

const [LINE, ROW, WORDS, HEIGHT] = [32, 62, 84, 90]; // from above, in pixels
const DECADE = Math.LN10;
const WIDEST = 6; // decades on each side of even

/** Of a score and a threshold, or null for none. */
export function scoreScale(score, threshold) {
  const cosines = Math.max(Math.abs(score), Math.abs(threshold ?? 0)) <= 1;
  const middle = threshold ?? score;
  const reach = Math.max(1, 1.4 * Math.abs(score - middle));
  const low = cosines ? Math.min(-0.2, score, middle - 0.1) : middle - reach;
  const high = cosines ? 1 : middle + reach;
  const ticks = roundNumbers(low, high).map((at) => ({
    at,
    text: String(Number(at.toPrecision(6))).replace("-", "−"),
  }));
  const told = (value) => decimal(value);
  return drawScale({ value: score, threshold, low, high, ticks, told, of: "Score" });
}

/** Of a log-likelihood ratio (natural) and the one from which on it is the same speaker. */
export function ratioScale(ratio, threshold) {
  const decades = Math.max(Math.abs(ratio), Math.abs(threshold)) / DECADE;
  const reach = Math.min(WIDEST, Math.max(3, Math.ceil(decades)));
  const step = reach > 4 ? 3 : 2;
  const ticks = [];
  for (let at = -step; at >= -reach; at -= step) ticks.push(at, -at);
  return drawScale({
    value: ratio,
    threshold,
    low: -(reach + 0.4) * DECADE,
    high: (reach + 0.4) * DECADE,
    ticks: ticks.map((at) => ({ at: at * DECADE, text: odds(at * DECADE) })),
    told: odds,
    of: "Odds",
  });
}

/** About five round numbers between two. */
function roundNumbers(low, high) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

function drawScale({ value, threshold, low, high, ticks, told, of }) {
  const place = (at) => Math.max(0.5, Math.min(99.5, (100 * (at - low)) / (high - low)));
  const held = threshold === null ? "" : `, threshold ${told(threshold)}`;
  const label = `${of} ${told(value)}${held}, on a scale from another speaker to the same speaker`;
  const parts =
    threshold === null ? [bar("whole", 0, 100)] : parted(place(threshold), told(threshold));
  const shown = ticks.filter(
    ({ at }) => threshold === null || Math.abs(place(at) - place(threshold)) > 26,
  );
  return drawn(
    "svg",
    { class: "scale", role: "img", "aria-label": label, height: HEIGHT },
    ...parts,
    ...shown.map(({ at, text }) => lettered(place(at), ROW, text, "tick")),
    lettered(0, WORDS, "another speaker", "word"),
    lettered(100, WORDS, "same speaker", "word"),
    drawn(
      "svg",
      { x: `${place(value)}%`, class: "marker" },
      drawn("path", { d: `M0 ${LINE - 1}l-7 -10h14z` }),
    ),
    lettered(place(value), LINE - 16, told(value), "value"),
  );
}

/** The line in two parts, and what parts them. */
function parted(at, text) {
  return [
    bar("different", 0, at),
    bar("same", at, 100),
    drawn("line", { class: "threshold", x1: `${at}%`, x2: `${at}%`, y1: LINE - 4, y2: LINE + 16 }),
    lettered(at, ROW, `threshold ${text}`, "tick held"),
  ];
}

function bar(kind, from, to) {
  return drawn("rect", { class: kind, x: `${from}%`, width: `${to - from}%`, y: LINE, height: 10 });
}

/** Letters around a place, but within the drawing. */
function lettered(at, y, text, kind) {
  const anchor = at < 15 ? "start" : at > 85 ? "end" : "middle";
  return drawn("text", { class: kind, x: `${at}%`, y, "text-anchor": anchor }, text);
}
