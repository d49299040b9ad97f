/** An identification as a card: who it is, and how close the others are. */

import { drawn, element, named } from "./elements.js";
import { doubtsOf } from "./evidence.js";
import { card, numbers, reasons } from "./outcome.js";
import { scoreScale } from "./scale.js";
import { decimal, inSeconds, percent } from "./wording.js";

const NEAR = 0.1; // of the first's probability, above which the next cannot be left aside

/** enrolled: utterances of the closest speaker, or null. */
export function identificationCard(answer, enrolled) {
  const [closest] = answer.matches;
  if (!closest) {
    const nothing = element("p", {}, "There is nobody to hold it against.");
    return card("open", ["Nobody is enrolled"], nothing);
  }
  const rows = rowsOf(answer);
  return card(
    answer.decided ? (answer.speaker === null ? "no" : "yes") : "open",
    headingOf(answer, closest),
    element("p", { class: "sure" }, ...sureness(answer, closest)),
    answer.nobody === null ? scoreScale(closest.score, answer.threshold) : null,
    tableOf(rows, answer.nobody !== null),
    reasons("Why not surer", doubts(answer, rows, enrolled)),
    numbers(factsOf(answer)),
  );
}

/** The speakers and, where its probability is known, nobody: the most probable first. */
function rowsOf({ matches, nobody }) {
  const rows = matches.map(({ speaker, ...rest }) => ({ name: named(speaker), ...rest }));
  if (nobody === null) return rows;
  rows.push({ name: element("em", {}, "nobody enrolled"), score: null, probability: nobody });
  return rows.sort((one, other) => other.probability - one.probability);
}

function doubts(answer, [first, second], enrolled) {
  const found = doubtsOf({
    answer: { ...answer, margin: null },
    seconds: [answer.speech_seconds],
    ratio: answer.matches[0].log_likelihood_ratio,
    enrolled,
  });
  if (answer.nobody !== null && second.probability > NEAR * first.probability) {
    found.push(`The next in the list is probable too: ${percent(second.probability)}.`);
  }
  return found;
}

function headingOf(answer, closest) {
  if (!answer.decided) return ["Not decided; closest is ", named(closest.speaker)];
  return answer.speaker === null ? ["Nobody who is enrolled"] : ["It is ", named(answer.speaker)];
}

function sureness(answer, closest) {
  if (answer.nobody !== null) {
    const sure = percent(answer.speaker === null ? answer.nobody : closest.probability);
    return [
      element("strong", {}, sure),
      " sure, if beforehand it was as likely somebody enrolled as nobody.",
    ];
  }
  if (answer.threshold === null) return ["There is nothing to hold the scores against."];
  const reached = closest.score >= answer.threshold ? "reaches" : "does not reach";
  return [
    "The closest, ",
    named(closest.speaker),
    `, ${reached} the threshold of ${decimal(answer.threshold)}.`,
  ];
}

function tableOf(rows, calibrated) {
  const heads = ["Speaker", ...(calibrated ? ["Probability"] : []), "Score"];
  return element(
    "table",
    { class: "matches" },
    element("caption", { class: "unseen" }, "The closest speakers"),
    element(
      "thead",
      {},
      element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head))),
    ),
    element("tbody", {}, ...rows.map((row) => rowOf(row, calibrated))),
  );
}

function rowOf({ name, score, probability }, calibrated) {
  const share = calibrated ? probability : Math.max(0, Math.min(1, score));
  const told = calibrated ? [element("td", {}, percent(probability))] : [];
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, name, shareOf(share)),
    ...told,
    element("td", {}, score === null ? "" : decimal(score)),
  );
}

/** A bar as long as a share; the number stands beside it. */
function shareOf(share) {
  return drawn(
    "svg",
    { class: "share", "aria-hidden": "true" },
    drawn("rect", { class: "whole", width: "100%", height: "100%" }),
    drawn("rect", { class: "part", width: `${100 * share}%`, height: "100%" }),
  );
}

function factsOf(answer) {
  const facts = [["Decided by", answer.decided_by ?? "nothing"]];
  if (answer.threshold !== null) facts.push(["Threshold", decimal(answer.threshold, 3)]);
  if (answer.margin !== null) facts.push(["First ahead of second", decimal(answer.margin, 3)]);
  facts.push(["Speech heard", inSeconds(answer.speech_seconds)]);
  return facts;
}
