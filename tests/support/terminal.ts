/**
 * Commands on a terminal, and files for them to fetch.
 *
 * @module
 */

import { ROOT } from "./process.ts";

/** Runs a command as in a terminal of 80 columns; `look` gets all its output so far, again and again. */
export async function runInTerminal(
  typed: string,
  env: Record<string, string>,
  look: (seen: string) => void,
): Promise<{ code: number; seen: string }> {
  const process = new Deno.Command("script", {
    args: ["-qefc", typed, "/dev/null"],
    cwd: ROOT,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let seen = "";
  for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
    seen += text;
    look(seen);
  }
  return { code: (await process.status).code, seen };
}

/** A server of files that arrive as slowly as the test wants. */
export interface SlowFiles extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** The `Range` of each request. */
  readonly ranges: readonly (string | null)[];
  /** Resolves when two files have stopped in the middle. */
  readonly stopped: Promise<void>;
  /** Lets all continue. */
  release(): void;
}

/** Serves 2 MiB under each path, of which `/slow…` stop in the middle until `release()`. */
export function startFiles(): SlowFiles {
  const half = new Uint8Array(2 ** 20).fill(7);
  const released = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const ranges: (string | null)[] = [];
  let waiting = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname } = new URL(request.url);
    const range = request.headers.get("range");
    ranges.push(range);
    const from = Number(/=(\d+)/.exec(range ?? "")?.[1] ?? 0);
    const whole = new Uint8Array([...half, ...half]).subarray(from);
    const headers = {
      etag: '"v1"',
      "content-length": String(whole.length),
      ...(range ? { "content-range": `bytes ${from}-${2 ** 21 - 1}/${2 ** 21}` } : {}),
    };
    if (!pathname.startsWith("/slow")) return new Response(whole, { headers });
    const body = new ReadableStream({
      async pull(controller) {
        controller.enqueue(whole.slice(0, whole.length / 2));
        if (++waiting === 2) stopped.resolve();
        await released.promise;
        controller.enqueue(whole.slice(whole.length / 2));
        controller.close();
      },
    }, { highWaterMark: 0 });
    return new Response(body, { status: range ? 206 : 200, headers });
  });
  return {
    host: `127.0.0.1:${server.addr.port}`,
    ranges,
    stopped: stopped.promise,
    release: released.resolve,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Settings of a command that must start a service of its own, which may call `host`. */
export const withoutService = (host: string): Record<string, string> => ({
  POSTRIDER_URL: "",
  POSTRIDER_PORT: "1",
  POSTRIDER_FETCH_ALLOW: host,
});
