/** The list of speakers: searched, and deleted from. */

import { announce } from "./announcer.js";
import { element } from "./elements.js";
import { Outcome } from "./outcome.js";
import { deleteSpeaker } from "./service.js";
import { inSeconds } from "./wording.js";

const AT_ONCE = 100; // rows

export function setUpSpeakers(panel, roster) {
  const search = panel.querySelector("#search");
  const more = panel.querySelector("#more");
  const body = panel.querySelector("tbody");
  const outcome = new Outcome(panel.querySelector(".outcome"));
  let rows = AT_ONCE;

  function show() {
    const wanted = folded(search.value);
    const found = roster.speakers.filter(({ name }) => folded(name).includes(wanted));
    body.replaceChildren(...found.slice(0, rows).map((each) => rowOf(each, remove)));
    panel.querySelector("table").hidden = !found.length;
    more.hidden = found.length <= rows;
    panel.querySelector("#found").textContent = summaryOf(roster, found.length, search.value);
  }

  async function remove(name, button) {
    if (button.getAttribute("aria-busy") || !(await confirmed(name))) return;
    button.setAttribute("aria-busy", "true");
    announce(`Deleting ${name}.`);
    try {
      await deleteSpeaker(name);
    } catch (error) {
      button.removeAttribute("aria-busy");
      outcome.fault(error);
      return;
    }
    outcome.clear();
    await roster.read();
    panel.querySelector("h2").focus();
    announce(`${name} is deleted.`);
  }

  search.addEventListener("input", () => {
    rows = AT_ONCE;
    show();
    announce(panel.querySelector("#found").textContent);
  });
  more.addEventListener("click", () => {
    const first = rows;
    rows += AT_ONCE;
    show();
    body.children[first].querySelector("button").focus();
  });
  roster.addEventListener("change", show);
}

function rowOf({ name, utterances, speech_seconds, created }, onDelete) {
  const button = {
    type: "button",
    class: "quiet",
    "aria-label": `Delete ${name}`,
    click: ({ currentTarget }) => onDelete(name, currentTarget),
  };
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, element("bdi", {}, name)),
    element("td", {}, String(utterances)),
    element("td", {}, inSeconds(speech_seconds)),
    element("td", {}, element("time", { datetime: created }, created.slice(0, 10))),
    element("td", {}, element("button", button, "Delete")),
  );
}

function summaryOf({ speakers, complete, error }, found, wanted) {
  if (error) return error.message;
  const all = `${speakers.length.toLocaleString("en")}${complete ? "" : " and more"}`;
  if (!speakers.length) return "Nobody is enrolled yet.";
  const told = wanted ? `${found.toLocaleString("en")} of ${all}` : all;
  return complete
    ? `${told} enrolled.`
    : `${told} enrolled; only the first are listed and searched.`;
}

/** Without case and accents: who searches need not know how a name is written. */
function folded(name) {
  return name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();
}

/** Ask whether somebody is to be deleted. */
function confirmed(name) {
  const dialog = document.getElementById("delete-dialog");
  const title = document.getElementById("delete-title");
  title.replaceChildren("Delete ", element("bdi", {}, name), "?");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.querySelector("form").onsubmit = () => dialog.close("delete");
    dialog.querySelector(".cancel").onclick = () => dialog.close("");
    dialog.onclose = () => resolve(dialog.returnValue === "delete");
  });
}
