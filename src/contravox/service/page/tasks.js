/** The page's tasks, set up. */

import { setUpCompare } from "./compare.js";
import { element } from "./elements.js";
import { setUpEnrol } from "./enrol.js";
import { setUpIdentify } from "./identify.js";
import { stopRecording } from "./recorder.js";
import { Roster } from "./roster.js";
import { setUpSpeakers } from "./speakers.js";
import { setUpTabs } from "./tabs.js";
import { setUpVerify } from "./verify.js";

const byId = (id) => document.getElementById(id);

/** Set them up; give who is enrolled. */
export function setUpTasks() {
  const roster = new Roster();
  roster.addEventListener("change", () => {
    byId("names").replaceChildren(
      ...roster.speakers.map(({ name }) => element("option", { value: name })),
    );
    const nobody = roster.complete && !roster.speakers.length;
    for (const notice of document.querySelectorAll(".nobody")) notice.hidden = !nobody;
  });
  setUpVerify(byId("verify"), roster);
  setUpCompare(byId("compare"));
  setUpIdentify(byId("identify"), roster);
  setUpEnrol(byId("enrol"), roster);
  setUpSpeakers(byId("speakers"), roster);
  setUpTabs(document.querySelector('[role="tablist"]'), (task) => {
    stopRecording();
    // Others enrol and delete too.
    if (task === "speakers") roster.read();
  });
  if (byId("speakers").hidden) roster.read();
  return roster;
}
