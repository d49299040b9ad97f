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
  let listening = null; // while it is spoken to
  let recorded = null;

  async function verdictOn(speaker, rate, isLate) {
    const recording = new Promise((resolve) => {
      recorded = resolve;
    });
    listening = new Listening(speaker, rate, (answer) => {
      if (!isLate()) outcome.show(runningCard(answer));
    });
    try {
      return show(await listening.ended);
    } catch (error) {
      if (isLate() || !PASSING.includes(error.kind)) throw error;
      outcome.show(recordingCard());
      return show(await verifyClaim(speaker, await recording));
    } finally {
      // Where it failed, nobody needs to go on speaking.
      if (!isLate()) await recorder.stop();
    }
  }

  function endListening() {
    listening?.end();
    listening = null;
  }

  function change() {
    endListening();
    outcome.clear();
  }

  const recorder = new Recorder(form.querySelector(".recorder"), {
    begin(rate) {
      change();
      const speaker = claimed.value;
      if (speaker) outcome.await((isLate) => verdictOn(speaker, rate, isLate));
    },
    samples: (block) => listening?.send(block),
    end(recording) {
      if (!listening) return;
      announce("Verifying.");
      recorded(recording);
      endListening();
    },
    // What is listened to becomes a recording at its end, which changes nothing of the claim.
    change: () => listening || change(),
  });
  claimed.addEventListener("input", change);
  onSubmit(form, outcome, {
    async ready() {
      await stopRecording();
      // What was listened to is waited for by now, and is not sent again.
      return recorder.isFilled();
    },
    work: async () => show(await verifyClaim(claimed.value, recorder.recordings[0])),
  });
}
