/** A recording: what is sent to the service, and what is drawn of it. */

import { wavOf } from "./wav.js";

const DRAWN_RATE = 16000;

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

  static async ofFile(file) {
    let samples = null;
    try {
      const context = new OfflineAudioContext(1, 1, DRAWN_RATE);
      const decoded = await context.decodeAudioData(await file.arrayBuffer());
      samples = decoded.getChannelData(0);
    } catch {
      // The service reads more formats than a browser does, and says what it cannot read.
    }
    return new Recording(file.name, file, samples, DRAWN_RATE);
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
