/**
 * `deno task fetch URL… --save --preview 3`: fetches, and shows how far it has come.
 *
 * It drives the service at `POSTRIDER_URL`, or the one that runs on this
 * machine, or, where there is none, one of its own that ends with it.
 *
 * @module
 */

import { openClient, PostriderError } from "../client.ts";
import { readConfig } from "../config.ts";
import { gather, type GatheringScreen, readGathering } from "./gathering.ts";
import { isAlive } from "./health.ts";
import { plain } from "./words.ts";

const USAGE = `Usage: deno task fetch URL… [OPTIONS]

  --save             save each body as a file
  --preview N        print its first N lines
  --words            count its words
  --concurrency N    fetch at most N at once
  --timeout 1h       the longest that one attempt may take
  --retry 5          number of further tries, or a schedule: "5s, 1m"

POSTRIDER_URL   URL of the service; by default the one on this machine, or a new one for this command
POSTRIDER_KEY   the secret of an API key`;

const ENCODER = new TextEncoder();

/** Runs it; resolves with the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    say(Deno.stdout, `${USAGE}\n`);
    return 0;
  }
  if (args.length === 0) {
    say(Deno.stderr, `${USAGE}\n`);
    return 2;
  }
  try {
    const ask = readGathering(args);
    await using service = await findService();
    const key = Deno.env.get("POSTRIDER_KEY");
    const client = openClient({ url: service.url, ...(key ? { key } : {}) });
    return await gather(client, openScreen(), ask, service.downloads) === 0 ? 0 : 1;
  } catch (error) {
    say(Deno.stderr, `${plain(error instanceof Error ? error.message : String(error))}\n`);
    return error instanceof PostriderError ? 1 : 2;
  }
}

interface FoundService extends AsyncDisposable {
  readonly url: string;
  /** Where it saves files, when that is on this machine for certain. */
  readonly downloads?: string;
}

async function findService(): Promise<FoundService> {
  const env = Deno.env.toObject();
  const port = env.POSTRIDER_PORT || "8000";
  const running = env.POSTRIDER_URL ||
    (await isAlive(port) ? `http://127.0.0.1:${port}` : undefined);
  if (running) return { url: running, async [Symbol.asyncDispose]() {} };
  return await openOwn(env);
}

/** A service of this process: it keeps its tasks in memory and saves where it is told to. */
async function openOwn(env: Record<string, string>): Promise<FoundService> {
  const { POSTRIDER_KEY: _, POSTRIDER_API_KEYS: __, ...settings } = env;
  const read = readConfig({
    ...settings,
    POSTRIDER_HOST: "127.0.0.1",
    POSTRIDER_PORT: "0",
    POSTRIDER_QUEUE: "memory:",
    POSTRIDER_LOG: "error",
  }, Deno.readTextFileSync);
  if ("wrong" in read) throw new TypeError(read.wrong.join("\n"));
  const { openService } = await import("../service.ts");
  const service = await openService(read.config, { terminal: true, onFatal: () => Deno.exit(75) });
  return {
    url: service.url,
    downloads: read.config.downloads,
    [Symbol.asyncDispose]: () => service.stop("drain"),
  };
}

/** Bars are drawn beneath what stays, and wiped before more of it comes. */
function openScreen(): GatheringScreen {
  const print = (lines: readonly string[]) =>
    say(Deno.stdout, lines.map((line) => `${line}\n`).join(""));
  if (!Deno.stdout.isTerminal()) return { print, columns: Infinity };
  let shown = 0;
  return {
    print,
    // A terminal that does not know how wide it is says 0.
    columns: (Deno.consoleSize().columns || 80) - 1,
    live(lines) {
      const up = shown > 0 ? `\x1b[${shown}F` : "";
      say(Deno.stdout, `${up}\x1b[J${lines.map((line) => `${line}\n`).join("")}`);
      shown = lines.length;
    },
  };
}

function say(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = ENCODER.encode(text);
  for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
