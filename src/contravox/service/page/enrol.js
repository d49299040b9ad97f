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

  async function enrolled(allowOutliers) {
    const called = namesOf(recorder.recordings);
    try {
      const answer = await enrol(name.value, recorder.recordings, allowOutliers);
      recorder.clear();
      name.value = "";
      roster.read();
      return enrolmentCard(answer, called);
    } catch (error) {
      if (error.kind !== "outliers") throw error;
      const unlike = error.outliers.map(({ recording }) => called(recording));
      return outlierCard(unlike, () => outcome.await(enrolled(true)));
    }
  }

  onSubmit(form, outcome, {
    async ready() {
      await stopRecording();
      return recorder.isFilled();
    },
    work: () => enrolled(false),
  });
}

/** By what the page calls the recordings that the service calls "recording 1" and so on. */
function namesOf(recordings) {
  const names = new Map(recordings.map(({ name }, i) => [`recording ${i + 1}`, name]));
  return (recording) => names.get(recording) ?? recording;
}

function outlierCard(names, onAll) {
  const verb = names.length === 1 ? "does" : "do";
  return card(
    "failed",
    ["Nothing was stored"],
    element(
      "p",
      {},
      element("bdi", {}, names.join(", ")),
      ` ${verb} not sound like the others: another voice, or too much noise. Remove it, or`,
    ),
    element("button", { type: "button", click: onAll }, "enrol it all the same"),
  );
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
