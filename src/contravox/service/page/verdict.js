/** A claim, or two recordings compared, as a card. */

import { element, named } from "./elements.js";
import { doubtsOf } from "./evidence.js";
import { card, numbers, reasons } from "./outcome.js";
import { ratioScale, scoreScale } from "./scale.js";
import { decimal, inSeconds, odds, percent } from "./wording.js";

const KINDS = new Map([
  [true, "yes"],
  [false, "no"],
  [null, "open"],
]);

/** enrolled: utterances of the speaker claimed, or null. */
export function claimCard(answer, enrolled) {
  const { speaker, score, log_likelihood_ratio, probability } = answer.match;
  const headings = new Map([
    [true, ["Accepted as ", named(speaker)]],
    [false, ["Not accepted as ", named(speaker)]],
    [null, ["Not decided"]],
  ]);
  return verdict({
    answer,
    decision: answer.accepted,
    heading: headings.get(answer.accepted),
    held: { score, ratio: log_likelihood_ratio, limit: 0 },
    same: () => ["it is ", named(speaker)],
    different: () => ["it is not ", named(speaker)],
    probability,
    prior: 0.5,
    seconds: [answer.speech_seconds],
    enrolled,
  });
}

export function comparisonCard(answer) {
  const headings = new Map([
    [true, "The same speaker"],
    [false, "Different speakers"],
    [null, "Not decided"],
  ]);
  const { p_target, c_miss, c_false_alarm } = answer.prior;
  const limit = Math.log((c_false_alarm / c_miss) * (1 / p_target - 1));
  return verdict({
    answer,
    decision: answer.same_speaker,
    heading: [headings.get(answer.same_speaker)],
    held: { score: answer.score, ratio: answer.log_likelihood_ratio, limit },
    same: () => ["it is the same speaker"],
    different: () => ["they are different speakers"],
    probability: answer.probability,
    prior: p_target,
    seconds: answer.recordings.map((each) => each.speech_seconds),
    enrolled: null,
    called: { reference: "first recording", recording: "second recording" },
  });
}

/** A claim of which more is still being heard. */
export function runningCard(answer) {
  const { score, log_likelihood_ratio } = answer.match;
  const heard = `${inSeconds(answer.speech_seconds)} of speech heard so far`;
  const scale = scaleOf({ score, ratio: log_likelihood_ratio, limit: 0 }, answer.threshold);
  return card("heard", ["Listening …"], element("p", { class: "sure" }, heard), scale);
}

/** A claim that is verified later. */
export function recordingCard() {
  const told = "The score cannot run along now. It is verified once the recording ends.";
  return card("heard", ["Recording …"], element("p", {}, told));
}

function verdict(told) {
  const { answer, decision, heading, held, seconds, enrolled, called } = told;
  const doubts = doubtsOf({ answer, seconds, ratio: held.ratio, enrolled, called });
  return card(
    KINDS.get(decision),
    heading,
    element("p", { class: "sure" }, ...sureness(told)),
    scaleOf(held, answer.threshold),
    reasons("Why not surer", doubts),
    numbers(factsOf(told)),
  );
}

/** Where a threshold decides its scores are drawn; else what the calibration makes of them. */
function scaleOf({ score, ratio, limit }, threshold) {
  return ratio === null || threshold !== null
    ? scoreScale(score, threshold)
    : ratioScale(ratio, limit);
}

function sureness({ answer, decision, held, same, different, probability, prior }) {
  if (probability === null) {
    if (answer.threshold === null)
      return [`Score ${decimal(held.score)}; there is nothing to hold it against.`];
    const side = held.score >= answer.threshold ? "above" : "below";
    return [`Score ${decimal(held.score)}, ${side} the threshold of ${decimal(answer.threshold)}.`];
  }
  const yes = decision ?? probability >= 0.5;
  const before = prior === 0.5 ? "even odds" : `a probability of ${percent(prior)}`;
  const sure = percent(yes ? probability : 1 - probability);
  return [
    element("strong", {}, sure),
    " sure that ",
    ...(yes ? same() : different()),
    `, from ${before} beforehand.`,
  ];
}

function factsOf({ answer, held, seconds }) {
  const facts = [["Score", decimal(held.score, 3)]];
  if (answer.threshold !== null) facts.push(["Threshold", decimal(answer.threshold, 3)]);
  if (held.ratio !== null) {
    const ratio = `${odds(held.ratio)} (log-likelihood ratio ${decimal(held.ratio)})`;
    facts.push(["Odds for the same speaker", ratio]);
  }
  facts.push(["Decided by", answer.decided_by ?? "nothing"]);
  if (typeof answer.margin === "number")
    facts.push(["Ahead of the next best", decimal(answer.margin, 3)]);
  facts.push(["Speech heard", seconds.map(inSeconds).join(" and ")]);
  return facts;
}
