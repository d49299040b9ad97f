/** The model and the detector of speech, which run in a thread of their own. */

import { Refusal } from "./refusal.js";

const FILES = {
  runtime: "ort-wasm-simd-threaded.wasm",
  model: "model.onnx",
  detector: "silero_vad.onnx",
};

let loaded = null;
let thread = null;
let asked = 0;
const waiting = new Map();

/** The model's settings, once it can be used. ``onProgress`` is told of the bytes that came and of all.
 * Throws Refusal. */
export function modelLoaded(onProgress) {
  loaded ??= load(onProgress ?? (() => {}));
  return loaded;
}

/** The embedding of a waveform at 16 kHz. */
export const embeddingOf = (waveform) => ask("embed", { waveform });

/** How many frames of a waveform at 16 kHz are speech. */
export const speechOf = (waveform) => ask("countSpeech", { waveform });

async function load(onProgress) {
  if (typeof WebAssembly === "undefined") {
    throw new Refusal(
      "no_webassembly",
      "This browser has no WebAssembly, by which the model runs, or does not allow it to this page: " +
        "take another browser.",
    );
  }
  const settings = await (await fetched("settings.json")).json();
  let came = 0;
  const parts = await Promise.all(
    Object.values(FILES).map((name) =>
      bytesOf(name, (count) => {
        came += count;
        onProgress(came, settings.bytes);
      }),
    ),
  );
  const [runtime, model, detector] = parts;
  start();
  try {
    await ask("load", { runtime, model, detector, settings }, parts);
  } catch (error) {
    throw new Refusal(
      "model",
      `This browser cannot run the model (${error.message}): take a newer one.`,
    );
  }
  return settings;
}

async function fetched(name) {
  try {
    const response = await fetch(new URL(name, import.meta.url));
    if (response.ok) return response;
  } catch {
    // No answer at all is told like one that says no.
  }
  throw new Refusal(
    "unreachable",
    `The model cannot be loaded, as ${name} does not come: see whether you are connected, and load ` +
      "the page anew.",
  );
}

/** ``onCount`` is told of so many bytes each time that some come. */
async function bytesOf(name, onCount) {
  const { body } = await fetched(name);
  const counted = body.pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        onCount(chunk.length);
        controller.enqueue(chunk);
      },
    }),
  );
  return new Response(counted).arrayBuffer();
}

/** A thread that is made of a text of this page is held to the policy of this page; one of an address
 * would be held to none. */
function start() {
  const text = `import ${JSON.stringify(new URL("thread.js", import.meta.url))};`;
  const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  thread = new Worker(address, { type: "module" });
  thread.onmessage = ({ data: { number, result, message } }) => {
    const { resolve, reject } = waiting.get(number);
    waiting.delete(number);
    if (message === undefined) resolve(result);
    else reject(new Refusal("model", message));
  };
  thread.onerror = ({ message }) => {
    waiting.forEach(({ reject }) => reject(new Refusal("model", message ?? "its thread ended")));
    waiting.clear();
  };
}

function ask(task, given, moved = []) {
  const number = asked++;
  return new Promise((resolve, reject) => {
    waiting.set(number, { resolve, reject });
    thread.postMessage({ number, task, given }, moved);
  });
}
