/** The page: its tasks, set up. */

import { setUpCompare } from "./compare.js";
import { element } from "./elements.js";
import { setUpEnrol } from "./enrol.js";
import { setUpIdentify } from "./identify.js";
import { askForKey, keptKey } from "./key.js";
import { stopRecording } from "./recorder.js";
import { Roster } from "./roster.js";
import { health } from "./service.js";
import { setUpSpeakers } from "./speakers.js";
import { setUpTabs } from "./tabs.js";
import { setUpVerify } from "./verify.js";

const byId = (id) => document.getElementById(id);
const roster = new Roster();

async function showHealth() {
  const place = byId("health");
  try {
    const { model, version, decides } = await health();
    place.textContent = `Model ${model}, version ${version}`;
    byId("undecided").hidden = decides;
  } catch (error) {
    place.textContent = error.message;
  }
}

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
byId("key-button").hidden = !keptKey();
byId("key-button").addEventListener("click", async () => {
  if (await askForKey("Another key, for what the service does not allow with the one given."))
    roster.read();
});
showHealth();
if (byId("speakers").hidden) roster.read();
