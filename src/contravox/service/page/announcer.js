/** What is said to those who do not see the page. */

/** Say it once whatever is being read is over. */
export function announce(text) {
  const place = document.getElementById("announcer");
  // The same words twice would not be read again.
  place.textContent = place.textContent === text ? `${text}\u00a0` : text;
}
