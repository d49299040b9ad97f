/** The task of enrolling a speaker. */

import { element, named } from "./elements.js";
import { Outcome, card, onSubmit, reasons } from "./outcome.js";
import { Recorder, stopRecording } from "./recorder.js";
import { enrol } from "./service.js";
import { inSeconds, sentence } from "./wording.js";

const ENOUGH = 3; // recordings: measured, see docs/gallery.md

export function setUpEnrol(panel, roster) {
  const form = panel.querySelector("form");
  const name = form.elements.speaker;
  const outcome = new Outcome(panel.querySelector(".outcome"), {
    empty: "What was enrolled appears here, with what would make it better.",
  });
  const recorder = new Recorder(form.querySelector(".recorder"), { change: () => outcome.clear() });
  name.addEventListener("input", () => outcome.clear());

  async function enrolled({ speaker, recordings }, called, allowOutliers) {
    const answer = await enrol(speaker, recordings, allowOutliers);
    // What was filled in for the next one meanwhile stays.
    recorder.discard(recordings);
    if (name.value === speaker) name.value = "";
    roster.read();
    return enrolmentCard(answer, called);
  }

  async function answerTo(sent, allowOutliers, isLate) {
    const called = namesOf(sent.recordings);
    try {
      const shown = await enrolled(sent, called, allowOutliers);
      // It is stored, whatever the form says by now.
      if (isLate()) outcome.tell(shown);
      return shown;
    } catch (error) {
      const message = messageOf(error, called);
      if (isLate()) return outcome.tell(lateFaultCard(sent.speaker, message));
      if (error.kind !== "outliers") throw error;
      return outlierCard(message, ({ currentTarget }) =>
        outcome.await((isLater) => answerTo(sent, true, isLater), currentTarget),
      );
    }
  }

  onSubmit(form, outcome, {
    async ready() {
      await stopRecording();
      return recorder.isFilled();
    },
    work(isLate) {
      const sent = { speaker: name.value, recordings: recorder.recordings };
      return answerTo(sent, false, isLate);
    },
  });
}

/** By what the page calls the recordings that the service calls "recording 1" and so on. */
function namesOf(recordings) {
  const names = new Map(recordings.map(({ name }, i) => [`recording ${i + 1}`, name]));
  return (recording) => names.get(recording) ?? recording;
}

function messageOf(error, called) {
  if (error.kind !== "outliers") return [sentence(error.message)];
  const names = error.outliers.map(({ recording }) => called(recording));
  const verb = names.length === 1 ? "does" : "do";
  return [
    element("bdi", {}, names.join(", ")),
    ` ${verb} not sound like the others: another voice, or too much noise.`,
  ];
}

function outlierCard(message, onAll) {
  return card(
    "failed",
    ["Nothing was stored"],
    element("p", {}, ...message, " Remove it, or"),
    element("button", { type: "button", click: onAll }, "enrol it all the same"),
  );
}

/** The form may be another speaker's by now: whose it was is said. */
function lateFaultCard(speaker, message) {
  const heading = ["Enrolling ", named(speaker), " did not work"];
  return card("failed", heading, element("p", {}, ...message));
}

function enrolmentCard(answer, called) {
  const speech = inSeconds(answer.speech_seconds);
  const added = `${counted(answer.added)} added (${speech} of speech), ${answer.in_all} in all.`;
  const known = answer.known ? `${counted(answer.known)} known already, and not added again.` : "";
  const heading = [named(answer.speaker), answer.new ? " is enrolled" : " has more recordings now"];
  return card(
    "yes",
    heading,
    element("p", {}, added),
    known && element("p", {}, known),
    reasons("What would make it better", wishesOf(answer, called)),
  );
}

function wishesOf({ in_all, warnings, outliers }, called) {
  const wishes = warnings.map((each) => sentence(`${called(each.recording)}: ${each.message}`));
  wishes.push(
    ...outliers.map((each) => `${called(each.recording)} does not sound like the others.`),
  );
  if (in_all < ENOUGH) wishes.push(`${counted(ENOUGH - in_all)} more, at best of another day.`);
  return wishes;
}

function counted(count) {
  return count === 1 ? "1 recording" : `${count} recordings`;
}
