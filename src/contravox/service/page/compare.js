/** The task of comparing two recordings. */

import { Outcome, onSubmit } from "./outcome.js";
import { Recorder, stopRecording } from "./recorder.js";
import { compare } from "./service.js";
import { comparisonCard } from "./verdict.js";

export function setUpCompare(panel) {
  const form = panel.querySelector("form");
  const outcome = new Outcome(panel.querySelector(".outcome"), {
    empty: "Whether they are the same person appears here, with how sure that is.",
    decides: true,
  });
  const change = () => outcome.clear();
  const [first, second] = [...form.querySelectorAll(".recorder")].map(
    (each) => new Recorder(each, { change }),
  );
  onSubmit(form, outcome, {
    async ready() {
      await stopRecording();
      return first.isFilled() && second.isFilled();
    },
    work: async () => comparisonCard(await compare(first.recordings[0], second.recordings[0])),
  });
}
