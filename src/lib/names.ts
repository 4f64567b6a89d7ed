/**
 * The names of hooks, schedules and aliases.
 *
 * @module
 */

const NAME = /^[A-Za-z0-9][\w.-]{0,63}$/;

/** What `isName` expects. */
export const EXPECTED_NAME =
  'Expected a name of 1 to 64 letters, digits, ".", "_" and "-", first a letter or a digit';

/** Whether a text is such a name. */
export function isName(text: string): boolean {
  return NAME.test(text);
}
