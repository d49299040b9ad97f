/** A recording that was made or chosen, as it is shown: seen, heard, removed. */

import { element } from "./elements.js";
import { UNREADABLE } from "./service.js";
import { drawSpectrogram } from "./spectrogram.js";
import { inSeconds } from "./wording.js";

const dark = window.matchMedia("(prefers-color-scheme: dark)");

/** An item of a list. ``onRemove`` is called when its button is pressed. */
export function takeOf(recording, onRemove) {
  const length = recording.seconds === null ? "" : inSeconds(recording.seconds);
  const remove = element(
    "button",
    { type: "button", class: "quiet", "aria-label": `Remove ${recording.name}`, click: onRemove },
    "Remove",
  );
  return element(
    "li",
    { class: "take" },
    element("p", { class: "title" }, element("bdi", {}, recording.name), ` ${length}`, remove),
    recording.samples ? pictureOf(recording) : element("p", { class: "soft" }, UNREADABLE),
    element("audio", {
      controls: true,
      src: recording.url,
      "aria-label": `Play ${recording.name}`,
    }),
  );
}

/** The spectrogram between its axes, drawn anew when its size or the page's colours change. */
function pictureOf({ name, samples, rate, seconds }) {
  const highest = `${Math.min(8, rate / 2000)} kHz`;
  const label = `Spectrogram of ${name}: ${seconds.toFixed(1)} seconds, up to ${highest}`;
  const canvas = element("canvas", { role: "img", "aria-label": label });
  const draw = () => canvas.clientWidth && drawSpectrogram(canvas, samples, rate);
  const resized = new ResizeObserver(draw);
  resized.observe(canvas);
  dark.addEventListener("change", function redraw() {
    if (canvas.isConnected) draw();
    else dark.removeEventListener("change", redraw);
  });
  return element(
    "div",
    { class: "spectrogram" },
    canvas,
    element("span", { class: "highest", "aria-hidden": "true" }, highest),
    element("span", { class: "end", "aria-hidden": "true" }, inSeconds(seconds)),
  );
}
