/**
 * Named points where a test can end the process or make a step fail.
 *
 * The service passes `noFailpoints`. Only the entry of the crash suite arms any,
 * so no setting can.
 *
 * @module
 */

/** Every point; the crash suite ends the process at each. */
export const FAILPOINTS = [
  "before_commit", // a transaction is complete, and nothing of it is on disk
  "after_commit", // it is on disk, and no caller has a response yet
  "before_effect", // an attempt is counted, and its channel has not begun
  "amid_effect", // its bytes begin to leave
  "after_effect", // it has had its effect, and is not settled
] as const;

/** The name of a point. */
export type FailpointName = (typeof FAILPOINTS)[number];

/** Called at each point when the service reaches it. */
export type Failpoint = (name: FailpointName) => void;

/** Never fails. */
export const noFailpoints: Failpoint = () => {};
