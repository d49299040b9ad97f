/** Elements made by script, whose texts are never read as HTML: names may hold anything. */

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, listeners (given as functions, by event) and children. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** As ``element``, of a drawing. */
export function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** A name within a sentence, whatever way it is written in. */
export function named(name) {
  return element("bdi", {}, name);
}

/** The parts of a template of the page. */
export function copyOf(template) {
  return document.getElementById(template).content.cloneNode(true);
}

function filled(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}
