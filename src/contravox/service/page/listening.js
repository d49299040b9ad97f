/** A claim verified while the claimed speaker speaks. */

import { keptKey } from "./key.js";
import { ServiceError } from "./service.js";
import { pcm16 } from "./wav.js";

const FASTEST = 48000; // samples a second that the service listens to

export class Listening {
  #socket = null;
  #waiting = [];

  /** The last answer, of all that was sent; rejected with a ServiceError. */
  ended;

  /** speaker: claimed. rate: of the samples to come. ``onRunning`` is given each running answer. */
  constructor(speaker, rate, onRunning) {
    if (rate > FASTEST) {
      const told = `The service does not listen to ${rate} samples a second.`;
      this.ended = Promise.reject(new ServiceError("too_fast", told));
      return;
    }
    const place = new URL(`v1/listen?${new URLSearchParams({ speaker, rate })}`, location.href);
    place.protocol = place.protocol.replace("http", "ws");
    this.#socket = new WebSocket(place, protocols());
    this.ended = new Promise((resolve, reject) => this.#follow(onRunning, resolve, reject));
  }

  /** What the microphone heard. */
  send(samples) {
    this.#give(pcm16(samples).buffer);
  }

  /** That was all. */
  end() {
    this.#give("end");
  }

  #give(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(message);
    else if (this.#socket?.readyState === WebSocket.CONNECTING) this.#waiting.push(message);
  }

  #follow(onRunning, resolve, reject) {
    this.#socket.onopen = () => {
      this.#waiting.splice(0).forEach((message) => this.#socket.send(message));
    };
    this.#socket.onmessage = ({ data }) => {
      const answer = JSON.parse(data);
      if (answer.error) reject(new ServiceError(answer.error.kind, answer.error.message));
      else if (answer.final) resolve(answer);
      else onRunning(answer);
    };
    this.#socket.onclose = () => {
      reject(
        new ServiceError(
          "unreachable",
          "The service no longer listens: verify the recording instead.",
        ),
      );
    };
  }
}

/** A browser sends no header with a WebSocket: the key goes where the kind of talk is agreed on. */
function protocols() {
  const key = keptKey();
  return key ? ["contravox", `contravox.key.${key}`] : ["contravox"];
}
