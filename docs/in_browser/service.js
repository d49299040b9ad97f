/** What the page asks for, done by this browser. The page as contravox serves it has a module of this
 * name that asks the service, and the answers are of the same form. */

import { decisionOf, openSetOf, probabilityOf, ratioOf } from "./deciding.js";
import { Gallery } from "./gallery.js";
import { modelLoaded } from "./model.js";
import { cosine } from "./vectors.js";
import { voiceprintOf } from "./voiceprint.js";

export { UNREADABLE } from "./voiceprint.js";

const EVEN = { p_target: 0.5, c_miss: 1, c_false_alarm: 1 };

const gallery = modelLoaded().then((settings) => new Gallery(settings));
// Told where it is asked for.
gallery.catch(() => {});

/** Is the recording of the speaker of that name? */
export async function verifyClaim(speaker, recording) {
  const enrolled = await gallery;
  const name = enrolled.nameOf(speaker);
  const heard = await voiceprintOf(recording, "recording");
  const compared = enrolled.compare(heard);
  const { score, ratio } = compared.get(name);
  compared.delete(name);
  const others = [...compared.values()].map((each) => each.score);
  return {
    ...told(enrolled.settings, heard),
    accepted: decisionOf(ratio),
    match: matchOf(name, score, ratio, probabilityOf(ratio)),
    margin: others.length ? score - Math.max(...others) : null,
  };
}

/** Are two recordings of the same speaker? */
export async function compare(first, second) {
  const { settings } = await gallery;
  const reference = await voiceprintOf(first, "reference");
  const recording = await voiceprintOf(second, "recording");
  const score = cosine(reference.vector, recording.vector);
  const ratio = ratioOf(settings, score, reference.quality, recording.quality);
  return {
    score,
    threshold: null,
    decided_by: settings.calibration.source,
    log_likelihood_ratio: ratio,
    probability: probabilityOf(ratio),
    prior: EVEN,
    same_speaker: decisionOf(ratio),
    recordings: [reference, recording].map(({ name, quality }) => ({
      recording: name,
      ...quality,
    })),
    warnings: [...reference.warnings, ...recording.warnings],
  };
}

/** Who of all is it? */
export async function identify(recording, top) {
  const enrolled = await gallery;
  const heard = await voiceprintOf(recording, "recording");
  const ranked = [...enrolled.compare(heard)].sort(([, one], [, other]) => other.ratio - one.ratio);
  const { probabilities, nobody } = openSetOf(ranked.map(([, { ratio }]) => ratio));
  const matches = ranked.map(([name, { score, ratio }], i) =>
    matchOf(name, score, ratio, probabilities[i]),
  );
  return {
    ...told(enrolled.settings, heard),
    speaker: matches.length && matches[0].probability > nobody ? matches[0].speaker : null,
    decided: true,
    nobody,
    matches: matches.slice(0, top),
    margin: matches.length > 1 ? matches[0].score - matches[1].score : null,
  };
}

/** Add recordings to a speaker. allowOutliers: those too that do not sound like the others. */
export async function enrol(speaker, recordings, allowOutliers) {
  const enrolled = await gallery;
  const taken = [];
  for (const [i, recording] of recordings.entries()) {
    taken.push(await voiceprintOf(recording, `recording ${i + 1}`));
  }
  return enrolled.enrol(speaker, taken, allowOutliers);
}

/** All who are enrolled, by name. */
export async function speakersAfter() {
  return { speakers: (await gallery).speakers(), next: null };
}

export async function deleteSpeaker(name) {
  (await gallery).delete(name);
}

function told({ calibration }, { quality, warnings }) {
  const { speech_seconds } = quality;
  return { threshold: null, decided_by: calibration.source, speech_seconds, warnings };
}

function matchOf(speaker, score, ratio, probability) {
  return { speaker, score, log_likelihood_ratio: ratio, probability };
}
