/**
 * Named places where a test may end the process or make a step fail.
 *
 * A port: the service passes `noFailpoints`; only the crash suite's own entry
 * arms any, so that no setting can.
 *
 * @module
 */

/** Every place; the crash suite dies at each. */
export const FAILPOINTS = [
  "before_commit", // all of a transaction is done, nothing of it is on disk
  "after_commit", // it is on disk, and nobody has been told
  "before_effect", // an attempt is counted, its channel has not been asked
  "amid_effect", // its bytes begin to leave
  "after_effect", // it has had its effect, which is not written down
] as const;

/** The name of a place. */
export type FailpointName = (typeof FAILPOINTS)[number];

/** Called at each named place as the service passes it. */
export type Failpoint = (name: FailpointName) => void;

/** Nothing ever fails here. */
export const noFailpoints: Failpoint = () => {};
