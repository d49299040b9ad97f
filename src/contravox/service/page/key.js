/** The key that the service may ask for. This tab keeps it until it is closed. */

const NAME = "contravox API key";

let asked = null;

/** The key kept, or null. */
export function keptKey() {
  return sessionStorage.getItem(NAME);
}

/** Ask for another; give whether there was one. Who asks meanwhile gets the same answer. */
export function askForKey(reason) {
  asked ??= answerOf(reason).finally(() => {
    asked = null;
  });
  return asked;
}

function answerOf(reason) {
  const dialog = document.getElementById("key-dialog");
  const form = dialog.querySelector("form");
  document.getElementById("key-reason").textContent = reason;
  document.getElementById("key-button").hidden = false;
  form.reset();
  dialog.showModal();
  return new Promise((resolve) => {
    form.onsubmit = () => dialog.close("given");
    form.querySelector(".cancel").onclick = () => dialog.close("");
    dialog.onclose = () => {
      const given = dialog.returnValue === "given";
      dialog.returnValue = "";
      // Whatever was typed can then be sent; a key that the service made stays as it is.
      if (given) sessionStorage.setItem(NAME, encodeURIComponent(form.elements.key.value.trim()));
      form.reset();
      resolve(given);
    };
  });
}
