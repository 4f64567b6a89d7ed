/**
 * Named places where a test may end the process or make a step fail.
 *
 * A port: the service passes `noFailpoints`; only the crash suite's own entry
 * arms any, so that no setting can.
 *
 * @module
 */

/** Called at each named place as the service passes it. */
export type Failpoint = (name: string) => void;

/** Nothing ever fails here. */
export const noFailpoints: Failpoint = () => {};
