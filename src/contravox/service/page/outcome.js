/** Where a task shows what came of it. */

import { announce } from "./announcer.js";
import { copyOf, drawn, element } from "./elements.js";
import { sentence } from "./wording.js";

const ICONS = {
  yes: "M5 10.5l3.5 3.5L15 6.5",
  no: "M6 6l8 8M14 6l-8 8",
  heard: "M5 8.5v3M8.3 5.5v9M11.7 7.5v5M15 8.5v3",
  open: "M7.5 7.5a2.5 2.5 0 1 1 3.6 2.3c-.8.4-1.1.9-1.1 1.7M10 14.4v.1",
  failed: "M10 5v6M10 14.2v.1",
};

/** A card. kind: yes, no, open, heard or failed. heading: texts and elements. */
export function card(kind, heading, ...parts) {
  const icon = drawn(
    "svg",
    { class: "icon", viewBox: "0 0 20 20", "aria-hidden": "true" },
    drawn("circle", { cx: 10, cy: 10, r: 10 }),
    drawn("path", { d: ICONS[kind] }),
  );
  const told = element("span", {}, ...heading);
  return element(
    "article",
    { class: `card ${kind}` },
    element("h3", { tabindex: -1 }, icon, told),
    ...parts,
  );
}

/** Reasons under their heading, or nothing. */
export function reasons(heading, sentences) {
  if (!sentences.length) return null;
  const items = sentences.map((each) => element("li", {}, each));
  return element(
    "section",
    { class: "reasons" },
    element("h4", {}, heading),
    element("ul", {}, ...items),
  );
}

/** What is known besides, for who wants to know. facts: pairs of name and value. */
export function numbers(facts) {
  const rows = facts.flatMap(([name, value]) => [
    element("dt", {}, name),
    element("dd", {}, value),
  ]);
  return element("details", {}, element("summary", {}, "Numbers"), element("dl", {}, ...rows));
}

export class Outcome {
  #cards = element("div", { class: "cards" });
  #told = element("div", { class: "cards" });
  #empty;
  #waiting = null; // what is waited for, with the button that is busy meanwhile

  /** empty: what is said before there is anything, or nothing. decides: whether people will decide
   * by what is shown here. */
  constructor(place, { empty = "", decides = false } = {}) {
    this.#empty = empty ? [element("p", { class: "soft" }, empty)] : [];
    place.append(this.#cards, this.#told, ...(decides ? [copyOf("caution")] : []));
    this.clear();
  }

  /** Something was changed: no answer to what it was before is shown, also none that comes late. */
  clear() {
    this.#rest();
    this.#cards.replaceChildren(...this.#empty);
  }

  /** Show what changes all the time, and let the focus be. */
  show(shown) {
    this.#cards.replaceChildren(shown);
  }

  /** Show what was waited for, and bring the reader there. */
  finish(shown) {
    this.show(shown);
    shown.querySelector("h3").focus();
  }

  /** Show besides what came of something earlier, until something else is asked for. */
  tell(shown) {
    this.#told.append(shown);
    announce(shown.querySelector("h3").textContent);
  }

  /** Do the work, and show the card that it gives or what went wrong. It is not done while other
   * work is waited for. ``work`` is given ``isLate()``: whether nobody waits for it any longer. */
  async await(work, button = null) {
    if (this.#waiting) return;
    const waiting = { button };
    const isLate = () => this.#waiting !== waiting;
    this.#waiting = waiting;
    button?.setAttribute("aria-busy", "true");
    this.#told.replaceChildren();
    const shown = await work(isLate).catch(faultCard);
    if (isLate()) return;
    this.#rest();
    this.finish(shown);
  }

  fault(error) {
    this.finish(faultCard(error));
  }

  #rest() {
    this.#waiting?.button?.removeAttribute("aria-busy");
    this.#waiting = null;
  }
}

function faultCard(error) {
  return card("failed", ["That did not work"], element("p", {}, sentence(error.message)));
}

/** When a form is sent: do the work, if ``ready()``, and show the card that it gives. */
export function onSubmit(form, outcome, { ready, work }) {
  const button = form.querySelector("button.primary");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await ready()) outcome.await(work, button);
  });
}
