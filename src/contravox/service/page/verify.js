/** The task of verifying a claim, also while one speaks. */

import { announce } from "./announcer.js";
import { Listening } from "./listening.js";
import { Outcome, onSubmit } from "./outcome.js";
import { Recorder, stopRecording } from "./recorder.js";
import { verifyClaim } from "./service.js";
import { claimCard, recordingCard, runningCard } from "./verdict.js";

// Failures of listening that say nothing against the claim: it is verified at the end instead.
const PASSING = ["busy", "too_fast", "unreachable"];

export function setUpVerify(panel, roster) {
  const form = panel.querySelector("form");
  const claimed = form.elements.speaker;
  const outcome = new Outcome(panel.querySelector(".outcome"), {
    empty: "Whether it is who they say appears here, with how sure that is.",
    decides: true,
  });
  const show = (answer) => claimCard(answer, roster.utterancesOf(answer.match.speaker));
  let listening = null;
  let recorded = null;

  async function verdictOn(speaker, rate) {
    const recording = new Promise((resolve) => {
      recorded = resolve;
    });
    listening = new Listening(speaker, rate, (answer) => outcome.show(runningCard(answer)));
    try {
      return show(await listening.ended);
    } catch (error) {
      if (!PASSING.includes(error.kind)) throw error;
      outcome.show(recordingCard());
      return show(await verifyClaim(speaker, await recording));
    } finally {
      // Where it failed, nobody needs to go on speaking.
      await stopRecording();
      listening = null;
    }
  }

  const recorder = new Recorder(form.querySelector(".recorder"), {
    begin(rate) {
      outcome.clear();
      if (claimed.value) outcome.await(verdictOn(claimed.value, rate));
    },
    samples: (block) => listening?.send(block),
    end(recording) {
      if (!listening) return;
      announce("Verifying.");
      recorded(recording);
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
