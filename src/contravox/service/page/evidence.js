/** How sure an answer is, and why it is not surer. */

import { inSeconds, sentence } from "./wording.js";

const WEAK = Math.log(10);
const STRONG = Math.log(1000); // what is surer than that needs no more speech
const LITTLE = 4; // seconds of speech, above where recordings are warned of, that leave much open

/**
 * Reasons against trusting an answer, as sentences.
 *
 * answer: the service's, of any kind. seconds: of speech, of each recording. ratio: log-likelihood
 * ratio of what was decided, null where nothing is calibrated. enrolled: utterances that enrol the
 * speaker it is held against, null where that is not known or none is. called: what to call each
 * recording, by the service's name for it, where there are several.
 */
export function doubtsOf({ answer, seconds, ratio, enrolled, called = {} }) {
  const doubts = answer.warnings.map(({ recording, message }) =>
    sentence(recording in called ? `${called[recording]}: ${message}` : message),
  );
  const warned = answer.warnings.some(
    ({ code }) => code === "little_speech" || code === "no_speech",
  );
  const least = Math.min(...seconds);
  if (!warned && least < LITTLE && !(Math.abs(ratio) > STRONG)) {
    doubts.push(`Only ${inSeconds(least)} of speech were heard: more would make it surer.`);
  }
  if (answer.margin < 0) doubts.push("Somebody else who is enrolled sounds closer: see Identify.");
  if (enrolled === 1)
    doubts.push("Only one recording enrols this speaker: three make fewer errors.");
  if (ratio === null) {
    doubts.push("Neither model nor gallery is calibrated, so how sure it is cannot be said.");
  } else if (Math.abs(ratio) < WEAK) {
    doubts.push("The evidence is weak: less than ten to one.");
  }
  return doubts;
}
