/** A claim verified while the claimed speaker speaks, by this browser. */

import { Recording } from "./recording.js";
import { verifyClaim } from "./service.js";

const STEP = 1; // seconds after which what was heard is looked at again

export class Listening {
  #speaker;
  #rate;
  #onRunning;
  #end;
  #over = false;
  #blocks = [];
  #heard = 0;
  #looking = null;
  #lookedAt = 0;

  /** The last answer, of all that was heard; rejected with a Refusal. */
  ended;

  /** speaker: claimed. rate: of the samples to come. ``onRunning`` is given each running answer. */
  constructor(speaker, rate, onRunning) {
    [this.#speaker, this.#rate, this.#onRunning] = [speaker, rate, onRunning];
    this.ended = new Promise((resolve, reject) => {
      this.#end = { resolve, reject };
    });
  }

  /** What the microphone heard. */
  send(samples) {
    this.#blocks.push(samples);
    this.#heard += samples.length;
    const seconds = (this.#heard - this.#lookedAt) / this.#rate;
    if (seconds >= STEP && !this.#looking) this.#look();
  }

  /** That was all. */
  end() {
    this.#over = true;
    this.#answer().then(this.#end.resolve, this.#end.reject);
  }

  async #look() {
    this.#lookedAt = this.#heard;
    this.#looking = true;
    try {
      const answer = await this.#answer();
      if (!this.#over) this.#onRunning(answer);
    } catch (error) {
      // More speech may come; nobody else will.
      if (error.kind !== "audio") this.#end.reject(error);
    } finally {
      this.#looking = false;
    }
  }

  async #answer() {
    const recording = Recording.ofBlocks("recording", this.#blocks, this.#rate);
    try {
      return await verifyClaim(this.#speaker, recording);
    } finally {
      recording.forget();
    }
  }
}
