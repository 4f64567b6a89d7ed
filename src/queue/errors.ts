/**
 * The errors of an engine that cannot go on.
 *
 * @module
 */

/** The engine cannot go on: its file or its server is gone, or it is closed. */
export class EngineError extends Error {
  /** `EngineError`. */
  override name = "EngineError";
}

/** Another process has the file open. */
export class EngineInUseError extends EngineError {
  /** `EngineInUseError`. */
  override name = "EngineInUseError";
}

/** The stored data is damaged. */
export class EngineDamagedError extends EngineError {
  /** `EngineDamagedError`. */
  override name = "EngineDamagedError";
}

/** The database cannot be reached for now: the same call may succeed later. */
export class EngineAwayError extends EngineError {
  /** `EngineAwayError`. */
  override name = "EngineAwayError";
}
