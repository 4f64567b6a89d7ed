import assert from "node:assert/strict";
import { hasPostgres, openCluster } from "../support/postgres.ts";
import { aFolder, type Api, type Postrider, startPostrider } from "../support/process.ts";

const ignore = !hasPostgres();
const cluster = ignore ? undefined : await openCluster({ fsync: true });
Deno.test.afterAll(async () => await cluster?.[Symbol.asyncDispose]());
let schemas = 0;

/** A queue of the test's own: its nodes differ by their settings. */
class World implements AsyncDisposable {
  readonly #nodes: Postrider[] = [];
  readonly #sink: Deno.HttpServer<Deno.NetAddr>;
  readonly url = cluster!.url({ schema: `process_${++schemas}` });
  /** Resolve to let the requests of `/slow` go. */
  gate = Promise.withResolvers<void>();
  /** Called at each request. */
  arrived = (_path: string) => {};

  constructor(readonly folder: string) {
    this.#sink = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        const { pathname } = new URL(request.url);
        this.arrived(pathname);
        if (pathname === "/slow") await Promise.race([this.gate.promise, aborted(request.signal)]);
        return new Response("ok");
      },
    );
  }

  /** Where requests arrive. */
  target(path: string): string {
    return `http://127.0.0.1:${this.#sink.addr.port}${path}`;
  }

  start(name: string, env: Record<string, string> = {}): Postrider {
    const node = startPostrider({
      data: this.folder,
      env: {
        POSTRIDER_QUEUE: this.url,
        POSTRIDER_NODE: name,
        POSTRIDER_FETCH_ALLOW: "127.0.0.1",
        ...env,
      },
    });
    this.#nodes.push(node);
    return node;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.gate.resolve();
    for (const node of this.#nodes) await node[Symbol.asyncDispose]();
    await this.#sink.shutdown();
  }
}

function test(name: string, run: (world: World) => Promise<void>): void {
  Deno.test({
    name: `PostgreSQL: ${name}`,
    ignore,
    fn: async () => {
      await using folder = await aFolder();
      await using world = new World(folder.path);
      await run(world);
    },
  });
}

test("an api node accepts, a worker attempts, and both show the same", async (world) => {
  const [api, worker] = await Promise.all([
    world.start("front", { POSTRIDER_ROLE: "api" }).listening,
    world.start("back", { POSTRIDER_ROLE: "worker" }).listening,
  ]);
  const { status, body } = await api.call<{ id: string }>("/fetch", { url: world.target("/") });
  assert.equal(status, 202);
  assert.equal((await api.final(body.id)).state, "succeeded");
  assert.ok((await worker.call("/fetch", { url: world.target("/") })).status >= 400);
  assert.ok((await worker.call("/tasks")).status >= 400);
  for (const path of ["/livez", "/readyz", "/metrics", "/status"]) {
    assert.equal((await worker.call(path)).status, 200, path);
  }
  assert.deepEqual(await worker.counts(), await api.counts());
  const { body: seen } = await api.call<Status>("/status");
  assert.deepEqual(seen.nodes.map(({ name, role }) => ({ name, role })), [
    { name: "back", role: "worker" },
    { name: "front", role: "api" },
  ]);
  assert.deepEqual([seen.engine, seen.durable, seen.durability], ["postgres", true, "disk"]);
  const overview = await (await fetch(`${api.url}/`)).text();
  const [, nodes = ""] = /<table id="nodes"[^>]*>(.*?)<\/table>/s.exec(overview) ?? [];
  assert.match(nodes, />back<.*>worker<.*>front<.*>api</s);
});

test("while the database is away submits get 503, and what runs is settled later", async (world) => {
  const node = world.start("a");
  const api = await node.listening;
  const arrived = Promise.withResolvers<void>();
  world.arrived = () => arrived.resolve();
  const { body } = await api.call<{ id: string }>("/fetch", { url: world.target("/slow") });
  await arrived.promise;
  await cluster!.stop("immediate");
  try {
    const refused = await fetch(`${api.url}/fetch`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ url: world.target("/") }),
    });
    assert.equal(refused.status, 503);
    assert.ok(Number(refused.headers.get("retry-after")) > 0);
    assert.equal((await refused.json()).code, "engine_down");
    await becomes(api, "/readyz", 503, 5_000);
    assert.equal((await api.call("/livez")).status, 200);
    world.gate.resolve();
  } finally {
    await cluster!.start();
  }
  await becomes(api, "/readyz", 200, 15_000);
  const task = await api.final(body.id);
  assert.deepEqual([task.state, task.attempt], ["succeeded", 1]);
});

test("Ctrl+C hands a node's attempts to the others, and cancels nothing", async (world) => {
  const node = world.start("a");
  const api = await node.listening;
  const arrived = Promise.withResolvers<void>();
  world.arrived = () => arrived.resolve();
  const { body: running } = await api.call<{ id: string }>("/fetch", {
    url: world.target("/slow"),
  });
  const { body: waiting } = await api.call<{ id: string }>("/fetch", {
    url: world.target("/"),
    delay: "1h",
  });
  await arrived.promise;
  node.kill("SIGINT");
  assert.equal(await node.exit, 130);
  world.gate.resolve();
  const other = await world.start("b").listening;
  assert.equal((await other.final(running.id)).state, "succeeded");
  const { body } = await other.call<{ state: string }>(`/tasks/${waiting.id}`);
  assert.equal(body.state, "queued");
});

test("POSTRIDER_ON_SIGINT=cancel cancels what waits on the last node only", async (world) => {
  const env = { POSTRIDER_ON_SIGINT: "cancel" };
  const first = world.start("a", env);
  const second = world.start("b", env);
  const [one, two] = await Promise.all([first.listening, second.listening]);
  const { body } = await one.call<{ id: string }>("/fetch", {
    url: world.target("/"),
    delay: "1h",
  });
  first.kill("SIGINT");
  assert.equal(await first.exit, 130);
  assert.equal((await two.counts()).queued, 1);
  assert.match(first.lines.said.join("\n"), /other nodes are running/);
  second.kill("SIGINT");
  assert.equal(await second.exit, 130);
  const again = await world.start("a").listening;
  const { body: task } = await again.call<{ state: string; reason: string }>(`/tasks/${body.id}`);
  assert.deepEqual([task.state, task.reason], ["cancelled", "shutdown"]);
});

test("a SIGTERM lets running attempts end, and the node leaves the list", async (world) => {
  const node = world.start("a");
  const api = await node.listening;
  const other = await world.start("b", { POSTRIDER_ROLE: "api" }).listening;
  const arrived = Promise.withResolvers<void>();
  world.arrived = () => arrived.resolve();
  const { body } = await api.call<{ id: string }>("/fetch", { url: world.target("/slow") });
  await arrived.promise;
  node.kill("SIGTERM");
  await becomes(api, "/readyz", 503, 5_000);
  world.gate.resolve();
  assert.equal(await node.exit, 0);
  assert.deepEqual((await other.final(body.id)).attempt, 1);
  const { body: seen } = await other.call<Status>("/status");
  assert.deepEqual(seen.nodes.map(({ name }) => name), ["b"]);
});

test("a host that two nodes cannot reach is held after ten faults together, and released by one answer", async (world) => {
  const env = { POSTRIDER_CONCURRENCY: "1" };
  const [one, two] = await Promise.all([
    world.start("a", env).listening,
    world.start("b", env).listening,
  ]);
  using host = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let connections = 0;
  let answers = false;
  (async () => {
    for await (const connection of host) {
      connections++;
      if (answers) {
        await connection.read(new Uint8Array(4_096));
        const text = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        await connection.write(new TextEncoder().encode(text));
      }
      connection.close();
    }
  })().catch(() => {});
  const { port } = host.addr as Deno.NetAddr;
  const urls = Array.from({ length: 30 }, (_, n) => `http://127.0.0.1:${port}/${n}`);
  const { body } = await one.call<{ id: string }>("/fetch", { urls, retry: 0 });
  const held = async (api: Api) => {
    const { hosts } = (await api.call<Status>("/status")).body;
    return hosts.find(({ reason }) => reason?.startsWith("breaker"));
  };
  for (const api of [one, two]) {
    while (!await held(api)) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.match((await held(api))!.reason!, /^breaker: 10 network faults in a row/);
  }
  assert.ok(connections === 10 || connections === 11, `${connections} connections`);
  answers = true;
  const { body: batch } = await two.call<Batch>(`/batches/${body.id}?wait=30s`);
  assert.ok(batch.done);
  assert.equal(batch.counts.succeeded, 30 - batch.counts.failed);
  assert.equal(await held(two), undefined);
});

test("the rate of an API key is one for all nodes", async (world) => {
  const env = { POSTRIDER_RATE: "4/1h", POSTRIDER_API_KEYS: "ada:secret-of-ada" };
  const nodes = await Promise.all([
    world.start("a", env).listening,
    world.start("b", env).listening,
  ]);
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, n) =>
      fetch(`${nodes[n % 2]!.url}/fetch`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: "Bearer secret-of-ada" },
        body: JSON.stringify({ url: world.target("/") }),
      }).then(async (response) => {
        await response.body?.cancel();
        return response;
      })),
  );
  const accepted = answers.filter(({ status }) => status === 202);
  const left = accepted.map(({ headers }) => headers.get("ratelimit")?.split(";")[1]);
  assert.deepEqual(left.sort(), ["r=0", "r=1", "r=2", "r=3"]);
  const refused = answers.filter(({ status }) => status === 429);
  assert.equal(refused.length, 6);
  for (const { headers } of refused) assert.ok(Number(headers.get("retry-after")) > 800);
});

test("saved bodies go to one folder, and a node with another one refuses them with the reason", async (world) => {
  const shared = `${world.folder}/shared`;
  const api = await world.start("front", { POSTRIDER_ROLE: "api", POSTRIDER_DOWNLOADS: shared })
    .listening;
  await world.start("back", { POSTRIDER_ROLE: "worker", POSTRIDER_DOWNLOADS: shared }).listening;
  const { body } = await api.call<{ id: string }>("/fetch", { url: world.target("/"), save: "a" });
  assert.equal((await api.final(body.id)).state, "succeeded");
  const file = (url: string) => fetch(`${url}/tasks/${body.id}/body`);
  assert.equal(await (await file(api.url)).text(), "ok");
  const stranger = world.start("stranger", { POSTRIDER_DOWNLOADS: `${world.folder}/own` });
  const other = await stranger.listening;
  const refused = await other.call<Problem>("/fetch", { url: world.target("/"), save: true });
  assert.equal(refused.status, 422);
  assert.deepEqual(refused.body.errors?.map(({ pointer }) => pointer), ["/save"]);
  assert.match(refused.body.errors?.[0]?.detail ?? "", /POSTRIDER_DOWNLOADS/);
  const missing = await file(other.url);
  assert.equal(missing.status, 404);
  assert.match((await missing.json()).detail, /another node/);
  assert.equal((await other.call("/fetch", { url: world.target("/") })).status, 202);
  assert.match(stranger.lines.said.join("\n"), /cannot save/);
});

test("a node that is stopped while the database is away ends, and its attempt is made again", async (world) => {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 0]] as const) {
    const node = world.start("a", { POSTRIDER_DRAIN: "1s" });
    const api = await node.listening;
    const arrived = Promise.withResolvers<void>();
    world.arrived = (path) => path === "/slow" && arrived.resolve();
    const { body } = await api.call<{ id: string }>("/fetch", { url: world.target("/slow") });
    await arrived.promise;
    await cluster!.stop("immediate");
    try {
      await becomes(api, "/readyz", 503, 5_000);
      node.kill(signal);
      assert.equal(await node.exit, code, node.lines.said.join("\n"));
    } finally {
      await cluster!.start();
    }
    world.gate.resolve();
    const again = world.start("a");
    const task = await (await again.listening).final(body.id);
    assert.deepEqual([task.state, task.attempt], ["succeeded", 2]);
    await again[Symbol.asyncDispose]();
    world.gate = Promise.withResolvers<void>();
  }
});

test("a node that cannot use its database says why, and never shows the password", async (world) => {
  const port = (await freePort()).toString();
  for (
    const [env, code, says] of [
      [
        { POSTRIDER_QUEUE: `postgres://ada:hunter2@127.0.0.1:${port}/x` },
        75,
        /Cannot reach the database/,
      ],
      [{ POSTRIDER_QUEUE: "postgres://ada:hunter2@127.0.0.1/x?sslmode=on" }, 78, /sslmode/],
      [
        { POSTRIDER_QUEUE: world.url.replace(/:[^:@]+@/, ":hunter2@") },
        75,
        /password authentication/,
      ],
      [{ POSTRIDER_MIGRATE: "check" }, 75, /POSTRIDER_MIGRATE=auto/],
      [{ POSTRIDER_DURABILITY: "replicated" }, 78, /POSTRIDER_DURABILITY=replicated.*"disk"/],
    ] as const
  ) {
    const node = world.start("a", env);
    assert.equal(await node.exit, code, node.lines.said.join("\n"));
    assert.match(node.lines.said.join("\n"), says);
    assert.doesNotMatch(node.lines.said.join("\n"), /hunter2|p%40ss/);
  }
});

interface Status {
  readonly engine: string;
  readonly durable: boolean;
  readonly durability: string;
  readonly nodes: readonly { readonly name: string; readonly role: string }[];
  readonly hosts: readonly { readonly lane: string; readonly reason?: string }[];
}

interface Problem {
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

interface Batch {
  readonly done: boolean;
  readonly counts: { readonly succeeded: number; readonly failed: number };
}

/** Resolves when a path answers so; rejects when it does not within the time. */
async function becomes(api: Api, path: string, status: number, withinMs: number): Promise<void> {
  const end = performance.now() + withinMs;
  for (;;) {
    const answer = await api.call(path).catch(() => ({ status: 0 }));
    if (answer.status === status || (answer.status === 0 && status === 503)) return;
    assert.ok(performance.now() < end, `${path} still answers ${answer.status}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}

function freePort(): Promise<number> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return Promise.resolve(listener.addr.port);
}
