/** Recordings from the microphone, from files chosen and from files dropped. */

import { announce } from "./announcer.js";
import { copyOf } from "./elements.js";
import { levelOf, showLevel } from "./level.js";
import { Microphone } from "./microphone.js";
import { Recording } from "./recording.js";
import { takeOf } from "./take.js";
import { inSeconds } from "./wording.js";

const LONGEST = 60; // seconds, after which a recording that was forgotten ends

let running = null;

/** End the recording that runs, whichever recorder makes it. */
export function stopRecording() {
  return running?.stop();
}

export class Recorder {
  #fieldset;
  #hooks;
  #several;
  #microphone = null;
  #blocks = [];
  #heard = 0;
  #made = 0;
  #recordings = [];

  /** Fill a fieldset. hooks: ``begin(rate)``, ``samples(block)`` and ``end(recording)`` are told
   * what the microphone does, ``change()`` that somebody added or removed one. */
  constructor(fieldset, hooks = {}) {
    this.#fieldset = fieldset;
    this.#hooks = hooks;
    this.#several = fieldset.hasAttribute("data-several");
    fieldset.append(copyOf("recorder-parts"));
    this.#part("input").multiple = this.#several;
    if (this.#several) this.#part(".file span").textContent = "Choose files";
    this.#part(".record").addEventListener("click", () => this.#toggle());
    this.#part("input").addEventListener("change", ({ target }) => {
      this.#take(target.files);
      target.value = "";
    });
    this.#acceptDrops();
  }

  get recordings() {
    return this.#recordings;
  }

  /** Whether there is a recording; tell how to make one where there is none. */
  isFilled() {
    if (this.#recordings.length) return true;
    this.#fault("Record something, or choose a file.");
    this.#part(".record").focus();
    return false;
  }

  /** Forget recordings that are done with; ``change()`` is not told. */
  discard(recordings) {
    this.#drop(recordings);
    if (!this.#recordings.length) this.#made = 0;
  }

  /** End the recording and keep it. */
  async stop() {
    if (!this.#microphone) return;
    const rate = this.#microphone.rate;
    this.#microphone.close();
    this.#microphone = running = null;
    this.#show(false);
    const recording = Recording.ofBlocks(`recording ${++this.#made}`, this.#blocks, rate);
    this.#keep(recording);
    announce(`Recorded ${recording.seconds.toFixed(1)} seconds.`);
    await this.#hooks.end?.(recording);
  }

  #part(selector) {
    return this.#fieldset.querySelector(selector);
  }

  #fault(message) {
    this.#part(".fault").textContent = message;
  }

  async #toggle() {
    if (this.#microphone) return this.stop();
    const button = this.#part(".record");
    if (button.getAttribute("aria-busy")) return undefined;
    button.setAttribute("aria-busy", "true");
    try {
      await stopRecording();
      await this.#begin();
    } catch (error) {
      this.#fault(error.message);
    } finally {
      button.removeAttribute("aria-busy");
    }
    return undefined;
  }

  async #begin() {
    this.#fault("");
    [this.#blocks, this.#heard] = [[], 0];
    const microphone = await Microphone.open({
      samples: (block) => this.#hear(block),
      lost: () => this.stop(),
    });
    // Somebody may have gone to another task while the browser asked whether it is allowed.
    if (!this.#fieldset.checkVisibility()) {
      microphone.close();
      return;
    }
    this.#microphone = microphone;
    running = this;
    // Not the last recording's, until the first samples come.
    this.#part(".clock").textContent = inSeconds(0);
    this.#show(true);
    announce("Recording.");
    this.#hooks.begin?.(microphone.rate);
  }

  #hear(block) {
    if (!this.#microphone) return;
    this.#blocks.push(block);
    this.#heard += block.length;
    const seconds = this.#heard / this.#microphone.rate;
    this.#part(".clock").textContent = inSeconds(seconds);
    showLevel(this.#part(".level"), levelOf(block));
    this.#hooks.samples?.(block);
    if (seconds >= LONGEST) this.stop();
  }

  #show(recording) {
    this.#fieldset.classList.toggle("recording", recording);
    this.#part(".word").textContent = recording ? "Stop" : "Record";
    showLevel(this.#part(".level"), null);
  }

  async #take(files) {
    this.#fault("");
    const chosen = this.#several ? [...files] : [...files].slice(0, 1);
    for (const file of chosen) {
      try {
        this.#keep(await Recording.ofFile(file));
        announce(`${file.name} is taken.`);
      } catch {
        this.#fault(`${file.name} cannot be read: choose a file of sound.`);
      }
    }
  }

  #keep(recording) {
    if (!this.#several) this.#recordings.forEach((each) => this.#remove(each));
    this.#fault("");
    // A list that was given away stays as it is.
    this.#recordings = [...this.#recordings, recording];
    recording.item = takeOf(recording, () => {
      this.#remove(recording);
      this.#part(".record").focus();
      announce(`${recording.name} is removed.`);
    });
    this.#part(".takes").append(recording.item);
    this.#hooks.change?.();
  }

  #remove(recording) {
    this.#drop([recording]);
    this.#hooks.change?.();
  }

  #drop(recordings) {
    for (const each of recordings) {
      each.item.remove();
      each.forget();
    }
    this.#recordings = this.#recordings.filter((each) => !recordings.includes(each));
  }

  #acceptDrops() {
    const over = (is) => (event) => {
      event.preventDefault();
      this.#fieldset.classList.toggle("over", is);
    };
    this.#fieldset.addEventListener("dragover", over(true));
    this.#fieldset.addEventListener("dragleave", over(false));
    this.#fieldset.addEventListener("drop", (event) => {
      over(false)(event);
      this.#take(event.dataTransfer.files);
    });
  }
}
