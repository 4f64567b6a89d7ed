/**
 * What the attacks run against: one service as a process of its own, a hostile
 * upstream, a well-behaved one, and a relay.
 *
 * @module
 */

import { createServer, type Server } from "node:net";
import type { AddressInfo } from "node:net";
import {
  aFolder,
  type Api,
  type Postrider,
  ROOT,
  START,
  startPostrider,
} from "../support/process.ts";

/** A service under attack. */
export interface World extends AsyncDisposable {
  readonly api: Api;
  readonly service: Postrider;
  /** Its data folder. */
  readonly data: string;
  /** `http://127.0.0.1:PORT` of the hostile upstream. */
  readonly hostile: string;
  /** A well-behaved upstream: how often each path was asked for. */
  readonly friendly: { readonly url: string; readonly counts: ReadonlyMap<string, number> };
  /** How many mails the relay has taken, by the envelope's first recipient. */
  readonly mails: ReadonlyMap<string, number>;
  /** All addresses of the envelopes. */
  readonly envelope: ReadonlySet<string>;
  /** The names of all headers of the mails, in lower case. */
  readonly headers: ReadonlySet<string>;
  /** Resident memory of the service, in MiB. */
  rss(): number;
}

/** How the service is started. */
export interface WorldOptions {
  /** How many files it may open. */
  readonly descriptors?: number;
  /** Measures its main thread, see `probe.ts`; it then has all of Deno's permissions. */
  readonly isProbed?: true;
}

/** Starts it all; `env` adds settings. */
export async function openWorld(
  env: Record<string, string> = {},
  options: WorldOptions = {},
): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await aFolder());
  const hostile = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}tests/attack/upstream.ts`],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  stack.defer(async () => {
    hostile.kill("SIGKILL");
    await hostile.stdout.cancel();
    await hostile.status;
  });
  const counts = new Map<string, number>();
  const friendly = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname } = new URL(request.url);
    counts.set(pathname, (counts.get(pathname) ?? 0) + 1);
    return new Response("ok");
  });
  stack.defer(() => friendly.shutdown());
  const mails = new Map<string, number>();
  const envelope = new Set<string>();
  const headers = new Set<string>();
  const relay = await openRelay({
    onMail: (to) => mails.set(to, (mails.get(to) ?? 0) + 1),
    onAddress: (address) => envelope.add(address),
    onHeader: (name) => headers.add(name),
  });
  stack.defer(() => new Promise<void>((resolve) => relay.close(() => resolve())));
  const port = (relay.address() as AddressInfo).port;
  const service = stack.use(startPostrider({
    data: folder.path,
    command: commandOf(options),
    env: {
      POSTRIDER_MAIL: `smtp://127.0.0.1:${port}?tls=none`,
      POSTRIDER_FETCH_ALLOW: "127.0.0.1",
      POSTRIDER_DOWNLOADS: `${folder.path}/downloads`,
      // As the image sets them.
      MALLOC_MMAP_THRESHOLD_: "1048576",
      MALLOC_TRIM_THRESHOLD_: "1048576",
      ...env,
    },
  }));
  const api = await service.listening;
  const reader = hostile.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  const parts = stack.move();
  return {
    api,
    service,
    data: folder.path,
    hostile: `http://127.0.0.1:${new TextDecoder().decode(value).trim()}`,
    friendly: { url: `http://127.0.0.1:${friendly.addr.port}`, counts },
    mails,
    envelope,
    headers,
    rss() {
      const status = Deno.readTextFileSync(`/proc/${service.pid}/status`);
      return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024);
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

function commandOf({ descriptors, isProbed }: WorldOptions): readonly string[] {
  if (descriptors !== undefined) {
    return ["sh", "-c", `ulimit -n ${descriptors} && exec "$@"`, "sh", ...START];
  }
  if (!isProbed) return START;
  const [deno = "", run = "", ...flags] = START;
  const others = flags.filter((flag) => !/^--(?:allow|deny|ignore)-/.test(flag));
  return [deno, run, "-A", `--preload=${ROOT}tests/attack/probe.ts`, ...others];
}

interface RelayEvents {
  readonly onMail: (to: string) => void;
  readonly onAddress: (address: string) => void;
  readonly onHeader: (name: string) => void;
}

/** Takes every mail, and keeps nothing of it but addresses and the names of headers. */
function openRelay({ onMail, onAddress, onHeader }: RelayEvents): Promise<Server> {
  const server = createServer((socket) => {
    let to = "";
    let inData = false;
    let isHead = false;
    let rest = "";
    socket.on("error", () => {});
    socket.write("220 relay.example ESMTP\r\n");
    socket.on("data", (bytes) => {
      rest += bytes.toString("latin1");
      for (;;) {
        if (inData) {
          const end = rest.indexOf("\r\n.\r\n");
          if (isHead && rest.includes("\r\n\r\n")) {
            isHead = false;
            const [head = ""] = rest.split("\r\n\r\n", 1);
            for (const line of head.trim().split("\r\n")) {
              if (/^[ \t]/.test(line)) continue;
              onHeader(line.slice(0, Math.max(0, line.indexOf(":"))).toLowerCase());
            }
          }
          if (end < 0) {
            if (!isHead) rest = rest.slice(-4);
            return;
          }
          rest = rest.slice(end + 5);
          inData = false;
          onMail(to);
          to = "";
          socket.write("250 2.0.0 Ok: queued as 4ABC\r\n");
          continue;
        }
        const end = rest.indexOf("\r\n");
        if (end < 0) return;
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        const [verb = ""] = line.toUpperCase().split(/[ :]/);
        if (verb === "RCPT" || verb === "MAIL") onAddress(/<([^>]*)>/.exec(line)?.[1] ?? line);
        if (verb === "RCPT") to ||= /<([^>]*)>/.exec(line)?.[1] ?? "";
        if (verb === "DATA") {
          inData = isHead = true;
          socket.write("354 Go on\r\n");
          // The dot of an empty mail has no line before it.
          rest = `\r\n${rest}`;
        } else if (verb === "QUIT") socket.end("221 Bye\r\n");
        else if (verb === "EHLO") {
          socket.write("250-relay.example\r\n250-SIZE 60000000\r\n250 8BITMIME\r\n");
        } else socket.write("250 Ok\r\n");
      }
    });
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}
