/**
 * `deno task bench:save [BYTES]`: saves a large body, whole and cut three times
 * on the way, and prints how much memory the service held meanwhile.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { openSite } from "../site/site.ts";
import { aFolder, startPostrider } from "../support/process.ts";

const MIB = 2 ** 20;

/** What one download came to. */
export interface Saving {
  readonly state: string;
  readonly attempts: number;
  readonly bytes: number;
  readonly sha256: string;
  /** Resident memory above that after a download of half a gigabyte, at most, in MiB. */
  readonly grownMib: number;
  /** Resident memory above that of an idle service, at most, in MiB. */
  readonly aboveIdleMib: number;
  readonly seconds: number;
}

/** Saves `bytes` zero bytes, each answer cut after `cut` of them. */
export async function save(bytes: number, cut: number): Promise<Saving> {
  await using site = openSite();
  await using folder = await aFolder();
  const env = {
    POSTRIDER_FETCH_ALLOW: site.host,
    POSTRIDER_DOWNLOADS: `${folder.path}/downloads`,
  };
  await using service = startPostrider({ data: folder.path, env });
  const api = await service.listening;
  const ask = { save: true, timeout: "1h", retry: "100ms*5" };
  const url = `http://${site.host}/bytes`;
  const idle = await residentMib(service.pid);
  // What a collector of garbage leaves lying is there by then; more of it would be a leak.
  const warm = await api.call<{ id: string }>("/fetch", { ...ask, url: `${url}/${512 * MIB}` });
  await api.final(warm.body.id);
  const before = await residentMib(service.pid);
  let most = before;
  const timer = setInterval(async () => {
    most = Math.max(most, await residentMib(service.pid));
  }, 100);
  const begunAt = performance.now();
  const { body } = await api.call<{ id: string }>("/fetch", {
    ...ask,
    url: `${url}/${bytes}?cut=${cut}`,
  });
  // deno-lint-ignore no-explicit-any -- results are JSON of many shapes
  const task: any = await api.final(body.id);
  clearInterval(timer);
  return {
    state: task.state,
    attempts: task.attempts.length,
    bytes: task.result?.bytes,
    sha256: task.result?.sha256,
    grownMib: Math.round(most - before),
    aboveIdleMib: Math.round(most - idle),
    seconds: (performance.now() - begunAt) / 1_000,
  };
}

/** The SHA-256 of so many zero bytes. */
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
  for (const cut of [Infinity, Math.ceil(bytes / 4)]) {
    const { state, attempts, sha256, grownMib, aboveIdleMib, seconds } = await save(bytes, cut);
    const verdict = sha256 === right ? "right" : "WRONG";
    const line = `${bytes} bytes: ${state} at attempt ${attempts}, sha256 ${verdict}, ` +
      `memory +${grownMib} MiB (+${aboveIdleMib} MiB above idle), ${
        (bytes / MIB / seconds).toFixed(0)
      } MiB/s\n`;
    Deno.stdout.writeSync(new TextEncoder().encode(line));
  }
}
