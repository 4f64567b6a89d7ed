/**
 * The running services on which the cases of operating are tried.
 *
 * @module
 */

import { aFolder, type Postrider, ROOT, START, startPostrider } from "../../support/process.ts";
import { startNginx } from "../../support/proxies.ts";

/** What a call returned. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // deno-lint-ignore no-explicit-any -- responses of many shapes
  readonly body: any;
}

/** How to call. */
export interface CallOptions {
  readonly method?: string;
  readonly key?: string;
  readonly json?: unknown;
  readonly form?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Calls a service; redirects are not followed. */
export async function call(url: string, options: CallOptions = {}): Promise<Answer> {
  const { key, json, form, headers = {} } = options;
  const body = json !== undefined
    ? JSON.stringify(json)
    : form && new URLSearchParams(form).toString();
  const response = await fetch(url, {
    method: options.method ?? (body === undefined ? "GET" : "POST"),
    redirect: "manual",
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(json === undefined ? {} : { "content-type": "application/json" }),
      ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  const isJson = text !== "" &&
    /[/+]json$/.test(response.headers.get("content-type")?.split(";")[0] ?? "");
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson ? JSON.parse(text) : undefined,
  };
}

/** Runs a program to its end. */
export async function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; output: string }> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
  }).output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** A secret for callbacks, made of one letter. */
export const webhookSecret = (letter: string): string => `whsec_${btoa(letter.repeat(24))}`;

const ROOT_KEY = "root:root-secret:admin";

/** A service with keys, hooks, a receiver of its calls, and nginx in front. */
export class World implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly data: string;
  readonly service: Postrider;
  readonly url: string;
  readonly nginx: string;
  /** Where the receiver listens: `/file` is a file, `/missing` a 404. */
  readonly receiver: string;
  /** What it received. */
  readonly received: { headers: Headers; body: string }[];

  private constructor(
    stack: AsyncDisposableStack,
    parts: Pick<World, "data" | "service" | "url" | "nginx" | "receiver" | "received">,
  ) {
    this.#stack.use(stack);
    ({ data: this.data, service: this.service, url: this.url } = parts);
    ({ nginx: this.nginx, receiver: this.receiver, received: this.received } = parts);
  }

  static async open(): Promise<World> {
    await using stack = new AsyncDisposableStack();
    const { path: data } = stack.use(await aFolder());
    const received: World["received"] = [];
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        const { pathname } = new URL(request.url);
        received.push({ headers: request.headers, body: await request.text() });
        return new Response("the file", { status: pathname === "/missing" ? 404 : 200 });
      },
    );
    stack.defer(() => server.shutdown());
    const receiver = `http://127.0.0.1:${server.addr.port}`;
    await Deno.writeTextFile(
      `${data}/keys`,
      `web:web-secret\nsend:send-secret:notify\n${ROOT_KEY}\n`,
    );
    await Deno.writeTextFile(`${data}/from`, "one@example.org");
    await Deno.writeTextFile(
      `${data}/postrider.yaml`,
      [
        "aliases: { oncall: [ada@example.org], gone: [ada@example.org] }",
        `callbacks: { "${new URL(receiver).host}": { secret: "${webhookSecret("r")}" } }`,
        "hooks:",
        "  broken: { preset: gitlab, secret: hook-secret-long, notify: { to: '{{ payload.to }}', text: x } }",
      ].join("\n"),
    );
    const service = stack.use(startPostrider({
      data,
      env: {
        POSTRIDER_API_KEYS_FILE: `${data}/keys`,
        POSTRIDER_CONFIG: `${data}/postrider.yaml`,
        POSTRIDER_MAIL_FROM_FILE: `${data}/from`,
        POSTRIDER_CORS_ORIGINS: "https://app.example.org",
        POSTRIDER_TRUSTED_PROXIES: "192.0.2.1",
        POSTRIDER_FETCH_ALLOW: new URL(receiver).host,
        POSTRIDER_DOWNLOADS: `${data}/downloads`,
        POSTRIDER_WEBHOOK_SECRET: webhookSecret("g"),
      },
    }));
    const { url } = await service.listening;
    const { url: nginx, proxy } = await startNginx(data, url);
    stack.use(proxy);
    return new World(stack.move(), { data, service, url, nginx, receiver, received });
  }

  /** Calls the service with the key `web`, unless another is named. */
  call(path: string, options: CallOptions = {}): Promise<Answer> {
    return call(this.url + path, { key: "web-secret", ...options });
  }

  /** Writes the file of keys, and reloads. */
  async reload(...keys: readonly string[]): Promise<Answer> {
    await Deno.writeTextFile(`${this.data}/keys`, [...keys, ROOT_KEY, ""].join("\n"));
    return await this.call("/admin/reload", { method: "POST", key: "root-secret" });
  }

  /** Submits a task and waits for its end. */
  async final(path: string, json: object): Promise<Answer["body"]> {
    const { body } = await this.call(path, { json });
    return (await this.call(`/tasks/${body.id}?wait=20s`)).body;
  }

  /** The first log line with this message and field, parsed. */
  async line(message: string, field = ""): Promise<Answer["body"]> {
    const [line] = await this.service.lines.find(
      new RegExp(`^.*"message":"${message}.*${field}.*$`),
    );
    return JSON.parse(line);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** Starts a further service on files of its own, for a case that breaks it. */
export function aService(data: string, env: Readonly<Record<string, string>> = {}): Postrider {
  return startPostrider({ data, env });
}

/** The command of a service with an argument. */
export const withArgument = (argument: string): readonly string[] => [...START, argument];
