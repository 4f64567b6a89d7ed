/**
 * A relay that follows a script: how it replies at each step, and where it closes the connection.
 *
 * @module
 */

/** `drop` closes the connection, `hang` never answers. */
export type Answer = string | "drop" | "hang";

/** What the relay answers; every step has a friendly default. */
export interface Script {
  /** Told each line that came, before it is answered. */
  readonly heard?: (line: string) => void;
  /** Before anything was said. */
  readonly greeting?: Answer;
  readonly ehlo?: Answer;
  readonly starttls?: Answer;
  /** Replies to nothing of an envelope before all of it, DATA included, has come. */
  readonly isPatient?: boolean;
  /** Says nothing after STARTTLS, where TLS begins. */
  readonly quiet?: boolean;
  readonly auth?: Answer;
  readonly mail?: Answer;
  /** One answer for all, or one by address; `r550@…` is answered 550 in any case. */
  readonly rcpt?: Answer | Readonly<Record<string, Answer>>;
  readonly data?: Answer;
  /** While the body comes, before its dot. */
  readonly body?: Answer;
  /** Awaited before the final dot is answered. */
  readonly beforeDot?: () => Promise<void>;
  /** At the final dot. */
  readonly dot?: Answer;
  readonly rset?: Answer;
  /** On connections after the first. */
  readonly later?: Omit<Script, "later">;
  /** The most sessions at once; a further one is refused. */
  readonly sessions?: number;
  /** How a session beyond that is refused: at the greeting, at the login, at MAIL FROM. */
  readonly tooMany?: Omit<Script, "later" | "sessions" | "tooMany">;
}

/** A mail that the relay took. */
export interface TakenMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
}

/** A scripted relay on a free port of 127.0.0.1. */
export interface RawRelay extends AsyncDisposable {
  readonly port: number;
  /** Mails it said yes to, or was sent whole. */
  readonly taken: TakenMail[];
  /** Connections so far. */
  readonly connections: number;
  /** Resolves once a whole mail, dot included, has come. */
  readonly dotSeen: Promise<void>;
  /** Resolves once DATA was answered. */
  readonly dataSeen: Promise<void>;
  /** Resolves once STARTTLS was answered and TLS has begun. */
  readonly tlsAwaited: Promise<void>;
  /** Resolves once it has stopped answering. */
  readonly hangs: Promise<void>;
}

const BROKEN = Symbol("broken");

/** Opens a relay that follows `script`. */
export function openRawRelay(script: Script = {}): RawRelay {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const taken: TakenMail[] = [];
  const dot = Promise.withResolvers<void>();
  const data = Promise.withResolvers<void>();
  const tls = Promise.withResolvers<void>();
  const hangs = Promise.withResolvers<void>();
  const conns = new Set<Deno.TcpConn>();
  const talks: Promise<void>[] = [];
  let connections = 0;

  async function talk(conn: Deno.TcpConn, script: Script): Promise<void> {
    // Replies to commands that came at once must not wait for one another.
    conn.setNoDelay(true);
    const lines = linesOf(conn);
    let held = "";
    const sayOfEnvelope = async (answer: Answer) => {
      if (script.isPatient) held += `${answer}\r\n`;
      else await say(answer);
    };
    const say = async (answer: Answer) => {
      if (answer === "drop") throw BROKEN;
      if (answer === "hang") {
        hangs.resolve();
        while (!(await lines.next()).done);
        throw BROKEN;
      }
      await conn.write(new TextEncoder().encode(held + answer.replace(/\n/g, "\r\n") + "\r\n"));
      held = "";
      if (answer.startsWith("421")) throw BROKEN;
    };
    await say(script.greeting ?? "220 relay ready");
    let from: string | undefined;
    let to: string[] = [];
    for await (const line of lines) {
      script.heard?.(line);
      const verb = line.slice(0, 4).toUpperCase();
      const address = /<(.*)>/.exec(line)?.[1] ?? "";
      if (verb === "EHLO" || verb === "HELO") {
        await say(script.ehlo ?? "250-relay\n250-PIPELINING\n250 SIZE 1000000");
      } else if (verb === "STAR") {
        await say(script.starttls ?? "502 what");
        if (!script.starttls?.startsWith("220")) continue;
        await conn.read(new Uint8Array(16_384));
        tls.resolve();
        if (script.quiet) await say("hang");
        // What is no TLS.
        await say("500 what");
      } else if (verb === "AUTH" || line === "") await say(script.auth ?? "235 welcome");
      else if (verb === "MAIL") {
        const { mail: answer = "250 ok" } = script;
        from = answer.startsWith("25") ? address : undefined;
        to = [];
        await sayOfEnvelope(answer);
      } else if (verb === "RCPT") {
        const { rcpt } = script;
        const [, code] = /^r(\d{3})@/.exec(address) ?? [];
        const answer = from === undefined
          ? "503 MAIL first"
          : code !== undefined
          ? `${code} said of ${address}`
          : typeof rcpt === "object"
          ? rcpt[address]
          : rcpt;
        if ((answer ?? "250").startsWith("25")) to.push(address);
        await sayOfEnvelope(answer ?? "250 ok");
      } else if (verb === "DATA") {
        const { data: answer = to.length > 0 ? "354 go on" : "503 no recipients" } = script;
        await say(answer);
        data.resolve();
        if (!answer.startsWith("354")) continue;
        if (script.body !== undefined) {
          await lines.next();
          await say(script.body);
        }
        let text = "";
        // A for-await would close the lines when it breaks.
        for (let part = await lines.next(); part.value !== "."; part = await lines.next()) {
          if (part.done) return;
          text += `${part.value}\n`;
        }
        taken.push({ from: from ?? "", to, text });
        dot.resolve();
        if (script.beforeDot) await script.beforeDot();
        await say(script.dot ?? "250 2.0.0 Ok: queued as ABC123");
      } else if (verb === "RSET") await say(script.rset ?? "250 ok");
      else if (verb === "QUIT") {
        await say("221 bye");
        return;
      } else await say("502 what");
    }
  }

  const accepting = (async () => {
    for await (const conn of listener) {
      conns.add(conn);
      const { tooMany = { greeting: "421 4.7.0 Too many sessions" } } = script;
      const isOver = script.sessions !== undefined && conns.size > script.sessions;
      const now = isOver ? tooMany : connections > 0 ? script.later ?? script : script;
      connections++;
      talks.push(
        talk(conn, now).catch((error) => {
          if (error !== BROKEN && !(error instanceof Deno.errors.BadResource)) return;
        }).finally(() => close(conn)),
      );
    }
  })();
  const close = (conn: Deno.TcpConn) => {
    if (conns.delete(conn)) conn.close();
  };
  return {
    port: listener.addr.port,
    taken,
    get connections() {
      return connections;
    },
    dotSeen: dot.promise,
    dataSeen: data.promise,
    tlsAwaited: tls.promise,
    hangs: hangs.promise,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      conns.forEach(close);
      await Promise.all(talks);
    },
  };
}

async function* linesOf(conn: Deno.TcpConn): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(16_384);
  let text = "";
  for (;;) {
    const end = text.indexOf("\r\n");
    if (end >= 0) {
      const line = text.slice(0, end);
      text = text.slice(end + 2);
      yield line;
      continue;
    }
    const read = await conn.read(buffer).catch(() => null);
    if (read === null) return;
    text += decoder.decode(buffer.subarray(0, read), { stream: true });
  }
}
