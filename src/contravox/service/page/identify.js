/** The task of finding out who it is. */

import { identificationCard } from "./matches.js";
import { Outcome, onSubmit } from "./outcome.js";
import { Recorder, stopRecording } from "./recorder.js";
import { identify } from "./service.js";

const CLOSEST = 5;

export function setUpIdentify(panel, roster) {
  const form = panel.querySelector("form");
  const outcome = new Outcome(panel.querySelector(".outcome"), {
    empty: "Who it is appears here, with how sure that is and who else is close.",
    decides: true,
  });
  const recorder = new Recorder(form.querySelector(".recorder"), { change: () => outcome.clear() });
  onSubmit(form, outcome, {
    async ready() {
      await stopRecording();
      return recorder.isFilled();
    },
    async work() {
      const answer = await identify(recorder.recordings[0], CLOSEST);
      const [closest] = answer.matches;
      return identificationCard(answer, closest ? roster.utterancesOf(closest.speaker) : null);
    },
  });
}
