/** A recording: what is sent to the service, and what is drawn of it. */

import { wavOf } from "./wav.js";

const DRAWN_RATE = 16000;
const LARGEST = 64 * 2 ** 20; // bytes of a file that are held in memory to be drawn

export class Recording {
  /** name: for people and errors. blob: the file that is sent. samples, rate: null where the
   * browser cannot read the file, which the service perhaps can. */
  constructor(name, blob, samples, rate) {
    Object.assign(this, { name, blob, samples, rate });
    this.url = URL.createObjectURL(blob);
  }

  /** Of blocks of samples, one after another. */
  static ofBlocks(name, blocks, rate) {
    const samples = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
    let at = 0;
    for (const block of blocks) {
      samples.set(block, at);
      at += block.length;
    }
    const blob = new Blob([wavOf(samples, rate)], { type: "audio/wav" });
    return new Recording(name, blob, samples, rate);
  }

  /** Throws DOMException for what is no file, such as a folder. */
  static async ofFile(file) {
    if (file.size > LARGEST) return new Recording(file.name, file, null, DRAWN_RATE);
    const bytes = await file.arrayBuffer();
    // What is drawn is what is sent, even where the file is written anew meanwhile.
    const blob = new Blob([bytes], { type: file.type });
    return new Recording(file.name, blob, await samplesOf(bytes), DRAWN_RATE);
  }

  /** Or null where the browser cannot read it. */
  get seconds() {
    return this.samples && this.samples.length / this.rate;
  }

  /** It is no longer played. */
  forget() {
    URL.revokeObjectURL(this.url);
  }
}

/** Or null: the service reads more formats than a browser does, and says what it cannot read. */
async function samplesOf(bytes) {
  try {
    const context = new OfflineAudioContext(1, 1, DRAWN_RATE);
    const decoded = await context.decodeAudioData(bytes);
    return decoded.getChannelData(0);
  } catch {
    return null;
  }
}
