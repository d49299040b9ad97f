/** The page: its tasks, the service that does them, and the key that it may ask for. */

import { askForKey, keptKey } from "./key.js";
import { health } from "./service.js";
import { setUpTasks } from "./tasks.js";

const byId = (id) => document.getElementById(id);

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

const roster = setUpTasks();
byId("key-button").hidden = !keptKey();
byId("key-button").addEventListener("click", async () => {
  if (await askForKey("Another key, for what the service does not allow with the one given."))
    roster.read();
});
showHealth();
