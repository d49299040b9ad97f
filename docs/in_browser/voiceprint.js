/** What is kept of a recording to compare it with others, and what speaks against deciding by it.
 *
 * As contravox's Python has it, but that it does not warn of noise and of channels that differ. */

import { bandwidthOf } from "./bandwidth.js";
import { embeddingOf, modelLoaded, speechOf } from "./model.js";
import { Refusal } from "./refusal.js";
import { inSeconds } from "./wording.js";

/** What is said of a file that the browser cannot read. */
export const UNREADABLE =
  "This browser cannot read it, or it is larger than 64 MB: choose another file, such as WAV or MP3.";

/** recording: with its file, as ``blob``. name: by which an answer calls it. Throws Refusal. */
export async function voiceprintOf(recording, name) {
  const settings = await modelLoaded();
  const waveform = await waveformOf(recording, settings.sample_rate);
  refuseUnusable(waveform, settings);
  const seconds = waveform.length / settings.sample_rate;
  const found = (await speechOf(waveform)) * (settings.speech.frame / settings.sample_rate);
  const bandwidth = bandwidthOf(waveform, settings.sample_rate, settings.speech.frame);
  const quality = { seconds, speech_seconds: Math.min(seconds, found), bandwidth };
  refuseUnfit(quality, settings);
  const warnings = warningsOf(waveform, quality, settings);
  return {
    name,
    vector: await embeddingOf(waveform),
    quality,
    warnings: warnings.map(([code, message]) => ({ code, recording: name, message })),
  };
}

/** The mean of a file's channels, at so many samples a second. */
export async function waveformOf({ blob, samples }, rate) {
  if (samples === null) throw new Refusal("audio", UNREADABLE);
  const context = new OfflineAudioContext(1, 1, rate);
  const decoded = await context.decodeAudioData(await blob.arrayBuffer());
  const mean = new Float32Array(decoded.length);
  for (let channel = 0; channel < decoded.numberOfChannels; channel++) {
    const heard = decoded.getChannelData(channel);
    for (let i = 0; i < mean.length; i++) mean[i] += heard[i] / decoded.numberOfChannels;
  }
  return mean;
}

/** Throws Refusal for what nothing can be told from. */
function refuseUnusable(waveform, { sample_rate, refused }) {
  const seconds = waveform.length / sample_rate;
  if (seconds < refused.seconds) {
    throw new Refusal("audio", `Only ${seconds.toFixed(2)} s long: record some seconds of speech.`);
  }
  const deviation = deviationOf(waveform);
  if (!Number.isFinite(deviation)) {
    throw new Refusal("audio", "It holds samples that are no numbers: choose another recording.");
  }
  if (deviation < refused.deviation) {
    throw new Refusal("audio", "It is silent: check the microphone, and record it again.");
  }
}

function refuseUnfit({ seconds, speech_seconds }, { refused }) {
  if (speech_seconds >= refused.speech_seconds) return;
  const told = speech_seconds
    ? `Only ${speech_seconds.toFixed(2)} s of speech`
    : `No speech was found in ${inSeconds(seconds)}`;
  throw new Refusal("audio", `${told}: speak closer to the microphone, for some seconds.`);
}

function warningsOf(waveform, { seconds, speech_seconds, bandwidth }, { warned, heard_up_to }) {
  const warnings = [];
  if (speech_seconds < warned.speech_seconds) {
    const told = `only ${inSeconds(speech_seconds)} of speech, and errors are more frequent below`;
    warnings.push(["little_speech", `${told} ${inSeconds(warned.speech_seconds)}: record more`]);
  }
  const silence = 1 - speech_seconds / seconds;
  if (silence > warned.silence) {
    const share = Math.round(100 * silence);
    const told = `${share} % of it are not speech, and the model hears them too: cut them off`;
    warnings.push(["mostly_silence", told]);
  }
  const loud = waveform.reduce((n, each) => n + (Math.abs(each) >= warned.full_scale), 0);
  if (loud / waveform.length > warned.clipped) {
    const share = Math.round((100 * loud) / waveform.length);
    const told = `too loud, ${share} % of its samples are cut off: record it at a lower level`;
    warnings.push(["level", told]);
  }
  if (bandwidth < warned.bandwidth) {
    const [there, heard] = [(bandwidth / 1000).toFixed(1), heard_up_to / 1000];
    const told = `nothing above ${there} kHz, as on a telephone, where the model listens up to ${heard} kHz`;
    warnings.push(["narrow_band", `${told}: use a model for such recordings, or others`]);
  }
  return warnings;
}

function deviationOf(waveform) {
  const mean = waveform.reduce((sum, each) => sum + each, 0) / waveform.length;
  const squares = waveform.reduce((sum, each) => sum + (each - mean) ** 2, 0);
  return Math.sqrt(squares / waveform.length);
}
