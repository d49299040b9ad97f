/** Requests to the service that the page comes from. */

import { askForKey, keptKey } from "./key.js";

/** What is said of a file that the browser cannot read. */
export const UNREADABLE = "This browser cannot show it; the service may read it.";

/** What the service refused, or that it does not answer.
 *
 * kind: for programs. message: for people. outliers: recordings that do not sound like the others,
 * where that is what is wrong. */
export class ServiceError extends Error {
  constructor(kind, message, outliers = []) {
    super(message);
    Object.assign(this, { kind, outliers });
  }
}

export const health = () => ask("health");

/** Is the recording of the speaker of that name? */
export function verifyClaim(speaker, recording) {
  return ask("v1/verify", { method: "POST", body: formOf({ speaker, recording }) });
}

/** Are two recordings of the same speaker? */
export function compare(first, second) {
  const body = formOf({ reference: first, recording: second });
  return ask("v1/verify", { method: "POST", body });
}

/** Who of all is it? */
export function identify(recording, top) {
  return ask("v1/identify", { method: "POST", body: formOf({ recording, top }) });
}

/** Add recordings to a speaker. allowOutliers: those too that do not sound like the others. */
export function enrol(speaker, recordings, allowOutliers) {
  const body = formOf({ speaker, recordings, allow_outliers: allowOutliers });
  return ask("v1/enrol", { method: "POST", body });
}

/** A page of who is enrolled: the speakers after a name, and after which to ask on, or null. */
export function speakersAfter(name, most) {
  return ask(`v1/speakers?${new URLSearchParams({ after: name, most })}`);
}

export function deleteSpeaker(name) {
  return ask(`v1/speakers/${encodeURIComponent(name)}`, { method: "DELETE" });
}

/** A multipart form; recordings become files of their names. */
function formOf(fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    for (const each of [value].flat()) {
      if (each.blob) form.append(name, each.blob, each.name);
      else form.append(name, each);
    }
  }
  return form;
}

async function ask(path, options = {}) {
  for (;;) {
    const key = keptKey();
    const response = await send(path, { ...options, headers: headersOf(key) });
    const body = await bodyOf(response);
    if (response.ok) return body;
    if (response.status !== 401) throw errorOf(response, body);
    const reason = key ? "The service does not know this key." : "The service asks for an API key.";
    // Another request may have got a key while this one was under way.
    if (keptKey() === key && !(await askForKey(reason))) {
      throw new ServiceError(
        "unauthorised",
        "The service asks for an API key, and none was given.",
      );
    }
  }
}

function headersOf(key) {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

async function send(path, options) {
  try {
    return await fetch(path, options);
  } catch {
    throw new ServiceError(
      "unreachable",
      "The service does not answer: see whether it runs and you are connected, and try again.",
    );
  }
}

async function bodyOf(response) {
  try {
    return await response.json();
  } catch {
    return null;
  }
}

function errorOf(response, body) {
  const { kind = "unknown", message, outliers } = body?.error ?? {};
  if (response.status === 429) {
    const wait = Number(response.headers.get("Retry-After")) || 1;
    const unit = wait === 1 ? "second" : "seconds";
    return new ServiceError(kind, `The service is busy: wait ${wait} ${unit} and try again.`);
  }
  const silent = `The service answered with status ${response.status} and says no more.`;
  return new ServiceError(kind, message ?? silent, outliers);
}
