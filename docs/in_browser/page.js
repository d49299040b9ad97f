/** The page, where the model runs in the browser: its tasks, and the model on its way. */

import { announce } from "./announcer.js";
import { modelLoaded } from "./model.js";
import { setUpTasks } from "./tasks.js";

const inMegabytes = (bytes) => (bytes / 1e6).toFixed(0);
const place = document.getElementById("health");

document.getElementById("not-begun").hidden = true;
setUpTasks();
try {
  const { version } = await modelLoaded((came, bytes) => {
    place.textContent = `Loading the model: ${inMegabytes(came)} of ${inMegabytes(bytes)} MB`;
  });
  place.textContent = `Model of contravox ${version}, in this browser`;
  announce("The model is loaded.");
} catch (error) {
  place.textContent = error.message;
  announce(error.message);
}
