/**
 * `deno task bench:save [BYTES]`: saves a large body, whole and cut three times
 * on the way, and prints how much memory the service needed.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { openSite } from "../site/site.ts";
import { aFolder, startPostrider } from "../support/process.ts";

const MIB = 2 ** 20;

/** A download: its length, and after how many bytes each response is cut. */
export interface Ask {
  readonly bytes: number;
  readonly cut: number;
}

/** The result of the last download, and the memory of all of them. */
export interface Saving {
  readonly state: string;
  readonly attempts: number;
  readonly bytes: number;
  readonly sha256: string;
  /** The highest resident memory above that of an idle service, in MiB. */
  readonly aboveIdleMib: number;
  /** The same during the last download, above the memory at its start. */
  readonly grownMib: number;
  readonly seconds: number;
}

/** Starts a service and lets it save files of zero bytes, one after another. */
export async function save(asks: readonly Ask[]): Promise<Saving> {
  await using site = openSite();
  await using folder = await aFolder();
  const env = {
    POSTRIDER_FETCH_ALLOW: site.host,
    POSTRIDER_DOWNLOADS: `${folder.path}/downloads`,
  };
  await using service = startPostrider({ data: folder.path, env });
  const api = await service.listening;
  const idle = await residentMib(service.pid);
  let most = idle;
  let before = idle;
  let mostSince = idle;
  let begunAt = 0;
  // deno-lint-ignore no-explicit-any -- results are JSON of many shapes
  let task: any;
  const look = async () => {
    const now = await residentMib(service.pid);
    most = Math.max(most, now);
    mostSince = Math.max(mostSince, now);
  };
  const timer = setInterval(look, 50);
  for (const { bytes, cut } of asks) {
    before = mostSince = await residentMib(service.pid);
    begunAt = performance.now();
    const url = `http://${site.host}/bytes/${bytes}?cut=${cut}`;
    const ask = { url, save: true, timeout: "1h", retry: "100ms*5" };
    const { body } = await api.call<{ id: string }>("/fetch", ask);
    task = await api.final(body.id);
  }
  clearInterval(timer);
  await look();
  return {
    state: task.state,
    attempts: task.attempts.length,
    bytes: task.result?.bytes,
    sha256: task.result?.sha256,
    aboveIdleMib: Math.round(most - idle),
    grownMib: Math.round(mostSince - before),
    seconds: (performance.now() - begunAt) / 1_000,
  };
}

/** The SHA-256 of a number of zero bytes. */
export function digestOfZeros(bytes: number): string {
  const hash = createHash("sha256");
  const piece = new Uint8Array(MIB);
  for (let left = bytes; left > 0; left -= MIB) hash.update(piece.subarray(0, Math.min(left, MIB)));
  return hash.digest("hex");
}

async function residentMib(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024;
}

if (import.meta.main) {
  const bytes = Number(Deno.args[0] ?? 2 ** 31);
  const right = digestOfZeros(bytes);
  const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
  for (const cut of [Infinity, Math.ceil(bytes / 4)]) {
    const ask = { bytes, cut };
    const first = await save([ask]);
    const speed = (bytes / MIB / first.seconds).toFixed(0);
    say(
      `${bytes} bytes: ${first.state} at attempt ${first.attempts}, ` +
        `sha256 ${first.sha256 === right ? "right" : "WRONG"}, ${speed} MiB/s`,
    );
    say(`  as the first task: +${first.aboveIdleMib} MiB above the idle service`);
    const later = await save([{ bytes: 512 * MIB, cut: Infinity }, ask]);
    say(`  after half a gigabyte: +${later.grownMib} MiB (+${later.aboveIdleMib} above idle)`);
  }
}
