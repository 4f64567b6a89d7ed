/**
 * `deno task backup FILE`: a copy of the queue of a running service.
 *
 * `POSTRIDER_URL` is the URL of the service, `POSTRIDER_KEY` the secret of an
 * API key with the scope `admin`.
 *
 * @module
 */

import { systemClock } from "../lib/clock.ts";
import { say } from "./say.ts";

const USAGE = "Usage: deno task backup FILE";

/** Downloads a backup to `file`, which must not exist. Rejects with what went wrong. */
export async function backUp(url: string, key: string | undefined, file: string): Promise<number> {
  if (await Deno.lstat(file).then(() => true, () => false)) {
    throw new Error(`Cannot back up to "${file}": it exists`);
  }
  const response = await fetch(`${url.replace(/\/$/, "")}/admin/backup`, {
    method: "POST",
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
  });
  if (!response.ok || !response.body) {
    const problem = await response.json().catch(() => ({}));
    throw new Error(`Cannot back up: ${problem.detail ?? response.statusText}`);
  }
  // Complete under its name, or not there at all.
  const part = `${file}.part`;
  try {
    const options = { write: true, create: true, truncate: true, mode: 0o600 };
    await response.body.pipeTo((await Deno.open(part, options)).writable);
    const { size } = await Deno.stat(part);
    const expected = Number(response.headers.get("content-length") ?? size);
    if (size !== expected) throw new Error(`Cannot back up: got ${size} of ${expected} bytes`);
    await Deno.rename(part, file);
    return size;
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    throw error;
  }
}

async function main([file, ...more]: readonly string[]): Promise<number> {
  if (file === undefined || more.length > 0 || file.startsWith("-")) {
    say(Deno.stderr, `${USAGE}\n`);
    return 2;
  }
  const startedAt = systemClock.monotonic();
  try {
    const port = Deno.env.get("POSTRIDER_PORT") || "8000";
    const url = Deno.env.get("POSTRIDER_URL") || `http://127.0.0.1:${port}`;
    const bytes = await backUp(url, Deno.env.get("POSTRIDER_KEY") || undefined, file);
    const seconds = ((systemClock.monotonic() - startedAt) / 1_000).toFixed(1);
    say(Deno.stdout, `Backed up ${bytes} bytes to ${file} in ${seconds} s\n`);
    return 0;
  } catch (error) {
    say(Deno.stderr, `${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
