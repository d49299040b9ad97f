/** What is not done, and why. */

/** kind: for programs. message: for people. outliers: recordings that do not sound like the others,
 * where that is what is wrong. */
export class Refusal extends Error {
  constructor(kind, message, outliers = []) {
    super(message);
    Object.assign(this, { kind, outliers });
  }
}
