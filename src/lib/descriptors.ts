/**
 * File descriptors kept for a bad hour.
 *
 * Where a process may open no more files, whoever asks next is refused: a
 * connection, an attempt, the database. Some are therefore held by nobody in
 * particular, and let go of when the others are gone.
 *
 * @module
 */

/** Opens something that takes one descriptor; throws when there is none. */
export type OpenDescriptor = () => Disposable;

/** Descriptors that are held, or have been let go of. */
export interface Reserve extends Disposable {
  /** Holds all of them (again); `false`, and none of them, where there are too few. */
  take(): boolean;
  /** Lets go of them, for whoever needs one to go on. */
  release(): void;
}

/** Makes a reserve of that many; none is held yet. */
export function openReserve(count: number, open: OpenDescriptor = openThisFile): Reserve {
  const held: Disposable[] = [];
  const release = () => {
    for (const one of held.splice(0)) one[Symbol.dispose]();
  };
  return {
    take() {
      try {
        while (held.length < count) held.push(open());
        return true;
      } catch {
        release();
        return false;
      }
    },
    release,
    [Symbol.dispose]: release,
  };
}

/** Whether that many files more could be opened now. */
export function areFree(count: number, open: OpenDescriptor = openThisFile): boolean {
  using reserve = openReserve(count, open);
  return reserve.take();
}

/** Any file will do; the sources can be read wherever they run. */
function openThisFile(): Disposable {
  return Deno.openSync(new URL(import.meta.url));
}
