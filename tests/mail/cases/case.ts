/**
 * A case: an input that other systems get wrong, what is right, and how to see it.
 *
 * @module
 */

/** One row of the table. */
export interface Case {
  /** Its name in the list of cases. */
  readonly id: string;
  /** The kind of mistake that it is an example of. */
  readonly kind: string;
  /** The right value. */
  readonly right: string;
  /** Tries it, and returns what was seen, in the form of `right`. */
  readonly run: () => Promise<string>;
}
