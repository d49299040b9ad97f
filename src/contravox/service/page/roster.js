/** Who is enrolled, as far as this page knows. */

import { speakersAfter } from "./service.js";

const AT_ONCE = 500;
const MOST = 5000; // names, above which a list helps nobody

/** Tells "change" whenever there is something new. */
export class Roster extends EventTarget {
  /** As the service tells them, by name. */
  speakers = [];
  /** Whether these are all. */
  complete = false;
  /** Why they could not be read, or null. */
  error = null;

  /** Read who is enrolled. What goes wrong is kept, not thrown: claims can be made without. */
  async read() {
    const before = JSON.stringify([this.speakers, this.complete, this.error?.message]);
    try {
      Object.assign(this, await known(), { error: null });
    } catch (error) {
      Object.assign(this, { speakers: [], complete: false, error });
    }
    // What is shown stays, with the focus in it, where nothing changed.
    const after = JSON.stringify([this.speakers, this.complete, this.error?.message]);
    if (after !== before) this.dispatchEvent(new Event("change"));
  }

  /** How many utterances enrol somebody; null where that is not known. */
  utterancesOf(name) {
    return this.speakers.find((each) => each.name === name.normalize("NFC"))?.utterances ?? null;
  }
}

async function known() {
  const speakers = [];
  let after = "";
  do {
    const page = await speakersAfter(after, AT_ONCE);
    speakers.push(...page.speakers);
    after = page.next;
  } while (after !== null && speakers.length < MOST);
  return { speakers, complete: after === null };
}
