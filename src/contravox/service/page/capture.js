/** In the thread of the sound: hands what the microphone hears to the page, in blocks. */

const BLOCK = 2048; // samples, some 40 ms: as often as a level meter needs

class Capture extends AudioWorkletProcessor {
  #block = new Float32Array(BLOCK);
  #filled = 0;

  process([[channel]]) {
    for (const sample of channel ?? []) {
      this.#block[this.#filled++] = sample;
      if (this.#filled === BLOCK) {
        this.port.postMessage(this.#block);
        this.#block = new Float32Array(BLOCK);
        this.#filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("capture", Capture);
