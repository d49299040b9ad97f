/** The microphone, from when it is asked for until it is let go. */

// What browsers do to a voice for the ears of others takes away what it is known by.
const UNTOUCHED = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

const PATIENCE = 5000; // milliseconds until the sound has started

export class MicrophoneError extends Error {}

export class Microphone {
  #context;
  #stream;

  /** Listen. hooks: ``samples`` is given each Float32Array as it is heard, ``lost()`` says that
   * there will be no more. Throws MicrophoneError. */
  static async open(hooks) {
    const microphone = new Microphone();
    try {
      await microphone.#open(hooks);
    } catch (error) {
      microphone.close();
      throw error instanceof MicrophoneError ? error : new MicrophoneError(reasonOf(error));
    }
    return microphone;
  }

  async #open({ samples, lost }) {
    if (!navigator.mediaDevices) {
      throw new MicrophoneError(
        "The browser gives no microphone to this page: open it by HTTPS, or on the machine that " +
          "serves it, or choose files.",
      );
    }
    this.#stream = await navigator.mediaDevices.getUserMedia({ audio: UNTOUCHED });
    this.#stream.getTracks().forEach((track) => track.addEventListener("ended", lost));
    this.#context = new AudioContext();
    await this.#context.audioWorklet.addModule(new URL("capture.js", import.meta.url));
    const capture = new AudioWorkletNode(this.#context, "capture", {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: "explicit",
    });
    capture.port.onmessage = ({ data }) => samples(data);
    this.#context.createMediaStreamSource(this.#stream).connect(capture);
    await started(this.#context);
  }

  /** Samples a second. */
  get rate() {
    return this.#context.sampleRate;
  }

  /** Let it go, so that the browser no longer shows that it is listened to. */
  close() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    if (this.#context?.state !== "closed") this.#context?.close();
  }
}

/** Some browsers wait for ever, without a word, where no sound is to be had. */
function started(context) {
  const message = "The browser's sound does not start: connect a loudspeaker, or choose files.";
  const waited = new Promise((_, fail) => {
    setTimeout(() => fail(new MicrophoneError(message)), PATIENCE);
  });
  return Promise.race([context.resume(), waited]);
}

function reasonOf(error) {
  if (error.name === "NotAllowedError") {
    return "The microphone is not allowed: allow it to this page in the browser, or choose files.";
  }
  if (error.name === "NotFoundError")
    return "There is no microphone: connect one, or choose files.";
  if (error.name === "NotReadableError") {
    return "Another program may hold the microphone: close that, or choose files.";
  }
  return `The microphone cannot be used (${error.message}): choose files.`;
}
