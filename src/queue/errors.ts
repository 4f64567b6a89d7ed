/**
 * What an engine rejects with, when it cannot go on.
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

/** What is kept cannot be read as it was written. */
export class EngineDamagedError extends EngineError {
  /** `EngineDamagedError`. */
  override name = "EngineDamagedError";
}
