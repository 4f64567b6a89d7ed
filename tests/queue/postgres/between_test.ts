/**
 * What is between a node and its database: a pooler, and a network that
 * swallows answers.
 *
 * @module
 */

import assert from "node:assert/strict";
import { needs } from "../../support/needs.ts";
import { aFolder } from "../../support/process.ts";
import { type Cluster, hasPostgres, openCluster } from "../../support/postgres.ts";
import { aTask, claim, insert, Nodes, settle, until } from "./support.ts";

const ignore = !hasPostgres();

Deno.test({
  name: "nodes work through PgBouncer in transaction mode, with and without a direct connection",
  ignore: ignore || needs("pgbouncer").ignore,
  fn: async () => {
    await using cluster = await openCluster();
    await using pooler = await startPooler(cluster);
    await using nodes = new Nodes(cluster);
    const polls = await nodes.start("polls", { wake: "poll", prepare: "false" }, pooler);
    const listens = await nodes.start("listens", { prepare: "false" }, {
      ...pooler,
      listens: true,
    });
    for (const [from, to] of [[polls, listens], [listens, polls]] as const) {
      const waiting = claim(to);
      const [id, other] = await insert(from, { key: "k" }, { dueAt: Date.now() + 60_000 });
      const [task] = await waiting;
      assert.equal(task?.id, id);
      assert.equal(await settle(to, task!), true);
      assert.equal(await from.engine.cancel(other!, "request"), "cancelled");
      assert.equal((await from.engine.find(id!))?.state, "succeeded");
    }
    assert.equal((await polls.engine.nodes()).length, 2);
  },
});

Deno.test({
  name:
    "when responses of the database are lost, no task stays claimed, is settled twice or is miscounted",
  ignore,
  fn: async () => {
    await using cluster = await openCluster();
    await using proxy = startProxy(cluster.port);
    await using nodes = new Nodes(cluster);
    const cut = await nodes.start("cut", {}, proxy);
    const whole = await nodes.start("whole");
    const attempts = new Map<string, number>();
    const stop = new AbortController();
    const running = Promise.all([cut, whole].map(async (node) => {
      while (!stop.signal.aborted) {
        for (const task of await node.engine.claim(5, stop.signal)) {
          attempts.set(task.id, (attempts.get(task.id) ?? 0) + 1);
          await settle(node, task);
        }
      }
    }));
    const ids: string[] = [];
    for (let n = 0; n < 120; n++) {
      const task = aTask(n % 2 === 0 ? cut : whole, n % 5 === 0 ? { key: "k" } : {});
      const node = n % 2 === 0 ? cut : whole;
      if (n % 30 === 10) proxy.swallow();
      const inserted = await node.engine.insert({ tasks: [task] }).catch(() => undefined);
      if (inserted?.kind === "stored") ids.push(task.id);
    }
    await until("all is settled", async () => {
      const { queued, running } = await whole.engine.counts();
      return queued + running === 0;
    });
    stop.abort();
    await running;
    for (const id of ids) assert.equal((await whole.engine.find(id))?.state, "succeeded");
    const doubled = [...attempts].filter(([, times]) => times > 1);
    for (const [id] of doubled) {
      assert.equal((await whole.engine.find(id))?.possibleDuplicate, true, `${id} is not marked`);
    }
    const rows = Number(await nodes.sql("SELECT count(*) FROM @.task"));
    const counts = await whole.engine.counts();
    assert.equal(Object.values(counts).reduce((sum, count) => sum + count, 0), rows);
  },
});

/** Passes bytes on, until it swallows what the server answers on every connection of the moment. */
function startProxy(server: number) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let generation = 0;
  const open = new Set<Deno.Conn>();
  const serve = async (client: Deno.Conn) => {
    const upstream = await Deno.connect({ hostname: "127.0.0.1", port: server });
    const own = generation;
    open.add(client).add(upstream);
    const up = client.readable.pipeTo(upstream.writable).catch(() => {});
    const passing = new TransformStream<Uint8Array, Uint8Array>({
      transform: (bytes, out) => own === generation ? out.enqueue(bytes) : undefined,
    });
    await upstream.readable.pipeThrough(passing).pipeTo(client.writable).catch(() => {});
    await up;
  };
  const accepting = (async () => {
    const served: Promise<void>[] = [];
    for await (const client of listener) served.push(serve(client));
    await Promise.all(served);
  })();
  return {
    port: listener.addr.port,
    swallow: () => void generation++,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const connection of open) {
        try {
          connection.close();
        } catch {
          // The other side has closed it.
        }
      }
      await accepting;
    },
  };
}

async function startPooler(cluster: Cluster) {
  const folder = await aFolder();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const { username, password } = new URL(cluster.url());
  await Deno.writeTextFile(
    `${folder.path}/users`,
    `"${username}" "${decodeURIComponent(password)}"`,
  );
  await Deno.writeTextFile(
    `${folder.path}/pooler.ini`,
    `[databases]
postrider = host=127.0.0.1 port=${cluster.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = plain
auth_file = ${folder.path}/users
pool_mode = transaction
default_pool_size = 8
max_client_conn = 100
`,
  );
  await Deno.chmod(folder.path, 0o755);
  const dropped = Deno.uid() === 0
    ? ["--reuid=postgres", "--regid=postgres", "--clear-groups"]
    : [];
  const child = new Deno.Command(dropped.length > 0 ? "setpriv" : "pgbouncer", {
    args: [...dropped, ...(dropped.length > 0 ? ["pgbouncer"] : []), `${folder.path}/pooler.ini`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await until("the pooler listens", async () => {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    } catch {
      return false;
    }
  });
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill("SIGINT");
      await child.status;
      await folder[Symbol.asyncDispose]();
    },
  };
}
