/**
 * `deno task fetch URL… --save --preview 3`: fetches, and shows the progress of each download.
 *
 * It uses the service at `POSTRIDER_URL`, else the one on this machine, else it starts one of
 * its own that ends with it.
 *
 * @module
 */

import { type Client, openClient, PostriderError } from "../client.ts";
import { readConfig } from "../config.ts";
import {
  fetchBatch,
  type FetchBatchOptions,
  type FetchScreen,
  readFetchCommand,
} from "./fetch_batch.ts";
import { isAlive } from "./health.ts";
import { openRunFolder, type RunFolder } from "./run_folder.ts";
import { say } from "./say.ts";
import { plain } from "./words.ts";

const USAGE = `Usage: deno task fetch URL… [OPTIONS]

  --save             save each body as a file
  --into DIR         save them into this folder; after Ctrl+C, the same command continues
  --preview N        print the first N lines of each body
  --words            count the words
  --concurrency N    at most N requests at once
  --timeout 1h       the longest that one attempt may take
  --retry 5          further attempts, or a schedule: "5s, 1m"

POSTRIDER_URL   URL of the service; by default the one on this machine, or a new one for this command
POSTRIDER_KEY   the secret of an API key`;

/** Runs the command; resolves with the exit code. */
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
    const { request, into } = readFetchCommand(args);
    const folder = into === undefined
      ? undefined
      : await openRunFolder(into, JSON.stringify(request), () => crypto.randomUUID());
    const failed = await run(request, folder);
    if (failed === 0) await folder?.finish();
    return failed === 0 ? 0 : 1;
  } catch (error) {
    say(Deno.stderr, `${plain(error instanceof Error ? error.message : String(error))}\n`);
    return error instanceof PostriderError ? 1 : 2;
  }
}

async function run(
  request: Parameters<typeof fetchBatch>[2],
  folder: RunFolder | undefined,
): Promise<number> {
  await using service = await findService(folder);
  const key = Deno.env.get("POSTRIDER_KEY");
  const client = openClient({ url: service.url, ...(key ? { key } : {}) });
  const screen = openScreen();
  const ending = Promise.withResolvers<never>();
  let isInterrupted = false;
  const interrupt = async () => {
    if (isInterrupted) return;
    isInterrupted = true;
    screen.live?.([]);
    if (folder) say(Deno.stderr, "Interrupted: run the same command again to continue\n");
    await service[Symbol.asyncDispose]();
    Deno.exit(130);
  };
  Deno.addSignalListener("SIGINT", interrupt);
  const options = folder ? intoFolder(folder, client, service) : service;
  // Once interrupted, the end of the batch is that of the service, and must not be reported.
  return await fetchBatch(client, screen, request, options)
    .finally(() => isInterrupted ? ending.promise : Deno.removeSignalListener("SIGINT", interrupt));
}

/** Saves into a folder: moves the files of a service of our own, downloads those of another. */
function intoFolder(
  folder: RunFolder,
  client: Client,
  { downloads }: FoundService,
): FetchBatchOptions {
  return {
    idempotencyKey: folder.key,
    place: ({ id }, { name, path }) =>
      folder.place(id, name, async (target) => {
        if (downloads !== undefined) return await Deno.rename(`${downloads}/${path}`, target);
        const { body } = await client.body(id);
        await Deno.writeFile(target, body ?? new Uint8Array());
      }),
  };
}

interface FoundService extends AsyncDisposable {
  readonly url: string;
  /** Where it saves files; known for a service of our own. */
  readonly downloads?: string;
}

async function findService(folder: RunFolder | undefined): Promise<FoundService> {
  const env = Deno.env.toObject();
  const port = env.POSTRIDER_PORT || "8000";
  const running = env.POSTRIDER_URL ||
    (await isAlive(port) ? `http://127.0.0.1:${port}` : undefined);
  if (running) return { url: running, async [Symbol.asyncDispose]() {} };
  return await openOwn(env, folder);
}

/** A service of this process. Without a folder to continue in, it keeps its tasks in memory. */
async function openOwn(
  env: Record<string, string>,
  folder: RunFolder | undefined,
): Promise<FoundService> {
  const { POSTRIDER_KEY: _, POSTRIDER_API_KEYS: __, ...settings } = env;
  const read = readConfig({
    ...settings,
    ...(folder ? { POSTRIDER_DOWNLOADS: folder.service.downloads } : {}),
    POSTRIDER_HOST: "127.0.0.1",
    POSTRIDER_PORT: "0",
    POSTRIDER_QUEUE: folder?.service.queue ?? "memory:",
    POSTRIDER_DRAIN: "0s",
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

/** Bars are drawn below the lines that stay, and removed before more of those are printed. */
function openScreen(): FetchScreen {
  const print = (lines: readonly string[]) =>
    say(Deno.stdout, lines.map((line) => `${line}\n`).join(""));
  if (!Deno.stdout.isTerminal()) return { print, columns: 200 };
  let shown = 0;
  return {
    print,
    // A terminal that does not know its width reports 0.
    columns: (Deno.consoleSize().columns || 80) - 1,
    live(lines) {
      const up = shown > 0 ? `\x1b[${shown}F` : "";
      say(Deno.stdout, `${up}\x1b[J${lines.map((line) => `${line}\n`).join("")}`);
      shown = lines.length;
    },
  };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
