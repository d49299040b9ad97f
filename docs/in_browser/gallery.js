/** Who is enrolled: voiceprints by name, kept by this tab until it is closed. */

import { ratioOf } from "./deciding.js";
import { Refusal } from "./refusal.js";
import { cosine, meanDirection } from "./vectors.js";

const KEPT = "contravox voiceprints";

export class Gallery {
  #speakers;

  /** settings: of the model. Voiceprints of another model are forgotten. */
  constructor(settings) {
    this.settings = settings;
    const { digest, speakers } = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
    this.#speakers = new Map(digest === settings.digest ? speakers : []);
  }

  /** In the form by which it is kept. Throws Refusal for the name of nobody who is enrolled. */
  nameOf(text) {
    const name = formOf(text);
    if (this.#speakers.has(name)) return name;
    throw new Refusal("unknown_speaker", `“${name}” is not enrolled: choose one of the list.`);
  }

  /** How a voiceprint compares with each speaker, by name: the score, and its ratio. */
  compare({ vector, quality }) {
    const heard = { vector, ...quality };
    const compared = new Map();
    for (const [name, { utterances }] of this.#speakers) {
      compared.set(name, this.#compared(heard, utterances));
    }
    return compared;
  }

  /** As the page lists them, by name. */
  speakers() {
    const all = [...this.#speakers].map(([name, { utterances, created }]) => ({
      name,
      utterances: utterances.length,
      speech_seconds: secondsOf(utterances),
      created,
    }));
    return all.sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** Add voiceprints to a speaker, who may be new: all, or none. Throws Refusal. */
  enrol(text, taken, allowOutliers) {
    const name = formOf(text);
    const known = this.#speakers.get(name);
    const kept = known?.utterances ?? [];
    const fresh = notAmong(kept, taken);
    const added = fresh.map(({ vector, quality }) => ({
      vector: [...vector],
      ...quality,
    }));
    const outliers = this.#outliersOf(added, kept).map((i) => ({ recording: fresh[i].name }));
    const speech = secondsOf(added);
    if (!known) this.#refuseLittle(name, speech);
    if (outliers.length && !allowOutliers) {
      throw new Refusal("outliers", "Some do not sound like the others.", outliers);
    }
    const created = known?.created ?? new Date().toISOString();
    this.#keep(new Map(this.#speakers).set(name, { created, utterances: [...kept, ...added] }));
    return {
      speaker: name,
      new: !known,
      added: added.length,
      known: taken.length - added.length,
      in_all: kept.length + added.length,
      speech_seconds: speech,
      warnings: taken.flatMap((each) => each.warnings),
      outliers,
    };
  }

  delete(name) {
    const rest = new Map(this.#speakers);
    rest.delete(name);
    this.#keep(rest);
  }

  #refuseLittle(name, speech) {
    const least = this.settings.refused.enrolment_seconds;
    if (speech >= least) return;
    throw new Refusal(
      "audio",
      `Only ${speech.toFixed(1)} s of speech to enrol “${name}” by, less than ${least} s: record more.`,
    );
  }

  /** Which of those added do not sound like the mean of all others. */
  #outliersOf(added, kept) {
    const all = [...added, ...kept];
    if (all.length < 2) return [];
    return [...added.keys()].filter((i) => {
      const others = all.filter((_, j) => j !== i);
      return this.#compared(added[i], others).ratio < this.settings.refused.outlier_ratio;
    });
  }

  #compared(heard, utterances) {
    const score = cosine(heard.vector, meanDirection(utterances.map((each) => each.vector)));
    const mean = (name) => utterances.reduce((sum, each) => sum + each[name], 0) / utterances.length;
    const speaker = { seconds: mean("seconds"), bandwidth: mean("bandwidth") };
    return { score, ratio: ratioOf(this.settings, score, heard, speaker) };
  }

  #keep(speakers) {
    const kept = { digest: this.settings.digest, speakers: [...speakers] };
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(kept));
    } catch {
      throw new Refusal("full", "The browser keeps no more for this tab: delete somebody first.");
    }
    this.#speakers = speakers;
  }
}

/** NFC, so that two ways to write é are one. */
function formOf(text) {
  const name = text.trim().normalize("NFC");
  if (!name) throw new Refusal("name", "The name is empty: give one.");
  return name;
}

/** Each of those taken whose very voiceprint is neither kept nor taken before. */
function notAmong(kept, taken) {
  const seen = new Set(kept.map(({ vector }) => String(vector)));
  return taken.filter(({ vector }) => {
    const text = String([...vector]);
    return !seen.has(text) && seen.add(text);
  });
}

function secondsOf(utterances) {
  return utterances.reduce((sum, each) => sum + each.speech_seconds, 0);
}
