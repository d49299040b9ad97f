/** In a thread of its own: ONNX Runtime, with the model and Silero's detector of speech. */

import { InferenceSession, Tensor, env } from "./ort.wasm.bundle.min.mjs";

const CONTEXT = 64; // samples of the frame before that the detector hears again
const STATE = [2, 1, 128]; // what it remembers

let settings = null;
let model = null;
let detector = null;

const tasks = {
  async load(given) {
    settings = given.settings;
    // More threads would need headers that keep other sites' pages away, which not every server sends.
    env.wasm.numThreads = 1;
    env.wasm.wasmBinary = given.runtime;
    model = await InferenceSession.create(given.model);
    detector = await InferenceSession.create(given.detector);
  },

  /** Of a long waveform the mean of as few pieces of equal length as may be. */
  async embed({ waveform }) {
    const longest = Math.floor(settings.maximum_seconds * settings.sample_rate);
    const count = Math.max(1, Math.ceil(waveform.length / longest));
    const vectors = [];
    for (const piece of piecesOf(waveform, count)) vectors.push(await embeddingOf(piece));
    const mean = vectors[0].map((_, i) => vectors.reduce((sum, each) => sum + each[i], 0) / count);
    const length = Math.hypot(...mean);
    if (!(length > 0 && Number.isFinite(length))) {
      throw new Error("The model has no embedding of it: choose another recording.");
    }
    return mean;
  },

  /** How many frames are speech; a few in a row are no word, and do not count. */
  async countSpeech({ waveform }) {
    const { frame, probability, shortest } = settings.speech;
    const rate = new Tensor("int64", BigInt64Array.of(BigInt(settings.sample_rate)), []);
    let state = new Tensor("float32", new Float32Array(STATE.reduce((a, b) => a * b)), STATE);
    let [run, speech] = [0, 0];
    for (let start = 0; start < waveform.length; start += frame) {
      // Before the first frame, and after the end, there is silence.
      const heard = new Float32Array(CONTEXT + frame);
      const first = Math.max(0, start - CONTEXT);
      heard.set(waveform.subarray(first, start + frame), first - start + CONTEXT);
      const input = new Tensor("float32", heard, [1, heard.length]);
      const { output, stateN } = await detector.run({ input, state, sr: rate });
      state = stateN;
      run = output.data[0] >= probability ? run + 1 : 0;
      if (run === shortest) speech += shortest;
      else if (run > shortest) speech += 1;
    }
    return speech;
  },
};

async function embeddingOf(waveform) {
  const { embeddings } = await model.run({
    waveforms: new Tensor("float32", waveform, [1, waveform.length]),
    lengths: new Tensor("int64", BigInt64Array.of(BigInt(waveform.length)), [1]),
  });
  return embeddings.data;
}

/** The first are longer by a sample where it does not come out even. */
function piecesOf(waveform, count) {
  const [least, longer] = [Math.floor(waveform.length / count), waveform.length % count];
  let at = 0;
  return Array.from({ length: count }, (_, i) => {
    const start = at;
    at += least + (i < longer ? 1 : 0);
    return waveform.slice(start, at);
  });
}

// One after another, as they were asked for.
let last = Promise.resolve();
globalThis.onmessage = ({ data: { number, task, given } }) => {
  last = last
    .then(() => tasks[task](given))
    .then(
      (result) => globalThis.postMessage({ number, result }),
      (error) => globalThis.postMessage({ number, message: error.message }),
    );
};
