/**
 * What a process wrote and synced, and what a disk may hold of it after a power
 * cut at any moment.
 *
 * What was synced is there. Of what was written since, each piece may be there,
 * may be missing, or may be there in part, sector by sector; and a later piece
 * may be there where an earlier one is not.
 *
 * @module
 */

/** One thing that was done to a file. */
export interface Step {
  readonly kind: "write" | "truncate" | "sync" | "unlink";
  /** Without its folder. */
  readonly file: string;
  /** Where it begins; of a truncation, the new length. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Files by name. */
export type Image = Map<string, Uint8Array<ArrayBuffer>>;

const KINDS = ["", "name", "write", "truncate", "sync", "unlink"] as const;
const HEAD_BYTES = 24;
const SECTOR = 512;

/** Reads what `shim.c` recorded. */
export function readRecording(log: Uint8Array<ArrayBuffer>): Step[] {
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength);
  const names: string[] = [];
  const steps: Step[] = [];
  for (let at = 0; at < log.length;) {
    const kind = KINDS[view.getUint32(at, true)];
    const file = view.getUint32(at + 4, true);
    const offset = Number(view.getBigUint64(at + 8, true));
    const length = Number(view.getBigUint64(at + 16, true));
    const bytes = log.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length);
    at += HEAD_BYTES + length;
    if (kind === "name") names[file] = new TextDecoder().decode(bytes).split("/").at(-1) ?? "";
    else if (kind) steps.push({ kind, file: names[file] ?? "", offset, bytes });
  }
  return steps;
}

/** What a disk may hold when the power goes just before `steps[cut]`. */
export function imageAt(steps: readonly Step[], cut: number, random: () => number): Image {
  const image: Image = new Map();
  const loose = new Map<string, Step[]>();
  for (const step of steps.slice(0, cut)) {
    const waiting = loose.get(step.file) ?? [];
    loose.set(step.file, waiting);
    if (step.kind === "sync") { for (const done of waiting.splice(0)) apply(image, done); }
    else if (step.kind === "unlink") {
      waiting.splice(0);
      image.delete(step.file);
    } else waiting.push(step);
  }
  // Some cuts lose nearly all that was loose, others nearly nothing.
  const kept = random();
  for (const waiting of loose.values()) {
    const survivors = waiting.filter(() => random() < kept);
    if (random() < 0.5) shuffle(survivors, random);
    for (const step of survivors) apply(image, random() < 0.3 ? torn(step, random) : step);
  }
  return image;
}

function apply(image: Image, { kind, file, offset, bytes }: Step): void {
  const old = image.get(file) ?? new Uint8Array();
  if (kind === "truncate") {
    const cut = new Uint8Array(offset);
    cut.set(old.subarray(0, offset));
    return void image.set(file, cut);
  }
  const end = offset + bytes.length;
  const whole = end > old.length ? grown(old, end) : old;
  whole.set(bytes, offset);
  image.set(file, whole);
}

function grown(old: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  whole.set(old);
  return whole;
}

/** Some sectors of a write, from its front or its back. */
function torn(step: Step, random: () => number): Step {
  const sectors = Math.ceil(step.bytes.length / SECTOR);
  if (step.kind !== "write" || sectors < 2) return step;
  const at = SECTOR * (1 + Math.floor(random() * (sectors - 1)));
  return random() < 0.5
    ? { ...step, bytes: step.bytes.subarray(0, at) }
    : { ...step, offset: step.offset + at, bytes: step.bytes.subarray(at) };
}

function shuffle(list: Step[], random: () => number): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
}
