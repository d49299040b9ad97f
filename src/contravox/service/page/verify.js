/** The task of verifying a claim, also while one speaks. */

import { announce } from "./announcer.js";
import { Listening } from "./listening.js";
import { Outcome, onSubmit } from "./outcome.js";
import { Recorder, stopRecording } from "./recorder.js";
import { verifyClaim } from "./service.js";
import { claimCard, runningCard } from "./verdict.js";

const FASTEST = 48000; // samples a second that can be listened to; the rest can be sent

export function setUpVerify(panel, roster) {
  const form = panel.querySelector("form");
  const claimed = form.elements.speaker;
  const outcome = new Outcome(panel.querySelector(".outcome"), {
    empty: "Whether it is who they say appears here, with how sure that is.",
    decides: true,
  });
  const show = (answer) => claimCard(answer, roster.utterancesOf(answer.match.speaker));
  let listening = null;

  function listen(rate) {
    if (!claimed.value || rate > FASTEST) return;
    listening = new Listening(claimed.value, rate, (answer) => outcome.show(runningCard(answer)));
    outcome.await(lastAnswer());
  }

  async function lastAnswer() {
    try {
      return show(await listening.ended);
    } finally {
      // Where it failed, nobody needs to go on speaking.
      await stopRecording();
      listening = null;
    }
  }

  const recorder = new Recorder(form.querySelector(".recorder"), {
    begin(rate) {
      outcome.clear();
      listen(rate);
    },
    samples: (block) => listening?.send(block),
    end() {
      if (!listening) return;
      announce("Verifying.");
      listening.end();
    },
    change: () => listening || outcome.clear(),
  });
  claimed.addEventListener("input", () => outcome.clear());
  onSubmit(form, outcome, {
    async ready() {
      const answered = listening;
      await stopRecording();
      // What was listened to is answered already.
      return !answered && recorder.isFilled();
    },
    work: async () => show(await verifyClaim(claimed.value, recorder.recordings[0])),
  });
}
