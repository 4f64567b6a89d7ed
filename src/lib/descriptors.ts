/**
 * A reserve of file descriptors.
 *
 * When a process may open no more files, the next open fails: of a connection,
 * an attempt or the database. So some descriptors are held in reserve, and
 * released when the others are used up.
 *
 * @module
 */

/** Opens something that uses one descriptor; throws when there is none. */
export type OpenDescriptor = () => Disposable;

/** Descriptors that are held or released. */
export interface Reserve extends Disposable {
  /** Holds all of them; `false`, and none is held, when there are too few. */
  take(): boolean;
  /** Releases them for other uses. */
  release(): void;
}

/** Creates a reserve of that many; none is held yet. */
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
