/**
 * JSON end to end: from a caller's text to the bytes that a server receives, and from a server's
 * text to what callers, follow-ups and hooks see. On each engine.
 *
 * @module
 */

import assert from "node:assert/strict";
import { INVALID, VALID } from "../support/json_texts.ts";
import { hasPostgres, openCluster } from "../support/postgres.ts";
import { aFolder, type Api, startPostrider } from "../support/process.ts";

const TOKEN = "a-secret-of-some-length";

// deno-lint-ignore no-explicit-any -- JSON of many shapes
type Any = any;

/** Answers `/text/N` with the text N, and records the bodies of other requests by path. */
function startServer() {
  const received = new Map<string, string[]>();
  let changed = Promise.withResolvers<void>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    const [, kind = "", number] = pathname.split("/");
    if (kind === "text") {
      const headers = { "content-type": "application/json" };
      return new Response(VALID[Number(number)]?.text, { headers });
    }
    const bytes = new Uint8Array(await request.arrayBuffer());
    // A byte order mark would be dropped.
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    received.set(pathname, [...received.get(pathname) ?? [], text]);
    changed.resolve();
    changed = Promise.withResolvers();
    return new Response("ok");
  });
  const body = async (path: string): Promise<string> => {
    while (!received.has(path)) await changed.promise;
    return received.get(path)?.join(" and ") ?? "";
  };
  return {
    host: `127.0.0.1:${server.addr.port}`,
    body,
    /** What each path below `kind` received, once all have. */
    async bodies(kind: string): Promise<string[]> {
      return await Promise.all(VALID.map((_, at) => body(`/${kind}/${at}`)));
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function assertSame<Value>(kind: string, seen: readonly Value[], right: readonly Value[]): void {
  const wrong = VALID.flatMap(({ text }, at) => {
    try {
      assert.deepEqual(seen[at], right[at]);
      return [];
    } catch {
      const [is, should] = [seen[at], right[at]].map((value) => JSON.stringify(value));
      return [`${text.slice(0, 80)}: ${is?.slice(0, 200)} instead of ${should?.slice(0, 200)}`];
    }
  });
  assert.deepEqual(wrong, [], kind);
}

async function submit(api: Api, path: string, body: string, headers = {}): Promise<Any> {
  const response = await fetch(api.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  const answer = await response.text();
  return { status: response.status, ...JSON.parse(answer) };
}

/** Submits a batch and returns its final tasks in their order. */
async function batch(api: Api, body: string): Promise<Any[]> {
  const { id, tasks, ...refusal } = await submit(api, "/fetch", body);
  assert.ok(id, JSON.stringify(refusal));
  const lines = await (await fetch(`${api.url}/batches/${id}/results`)).text();
  const ended = lines.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  const byId = new Map(ended.map((task) => [task.id, task]));
  return tasks.map((task: { id: string }) => byId.get(task.id));
}

const TEXTS = VALID.map(({ text }) => text);
const VALUES = VALID.map(({ value }) => value);

async function check(t: Deno.TestContext, env: Record<string, string>): Promise<void> {
  await using folder = await aFolder();
  await using server = startServer();
  const { host } = server;
  const config = `${folder.path}/postrider.yaml`;
  await Deno.writeTextFile(
    config,
    `hooks:
  exact:
    preset: gitlab
    secret: ${TOKEN}
    rate: 100000/1m
    fetch: { url: "http://${host}/hook/{{ payload.n }}", json: "{{ payload.v }}" }
`,
  );
  await using postrider = startPostrider({
    data: folder.path,
    env: { POSTRIDER_FETCH_ALLOW: host, POSTRIDER_CONFIG: config, ...env },
  });
  const api = await postrider.listening;
  const to = (kind: string, at: number) => `"url":"http://${host}/${kind}/${at}"`;

  await t.step("json of single requests, and as GET /tasks/{id} shows it", async () => {
    const shown: string[] = [];
    for (const [at, text] of TEXTS.entries()) {
      const task = await submit(api, "/fetch", `{${to("one", at)},"json":${text}}`);
      const { body } = await api.call<Any>(`/tasks/${task.id}`);
      shown.push(body.payload?.body);
    }
    assertSame("sent", await server.bodies("one"), TEXTS);
    assertSame("shown", shown, TEXTS);
  });

  await t.step("json of the entries of a batch, with space around it", async () => {
    const entries = TEXTS.map((text, at) => `{ ${to("entry", at)} , "json" :\n ${text}\t}`);
    const tasks = await batch(api, `{"requests":[${entries}]}`);
    assertSame("sent", await server.bodies("entry"), TEXTS);
    assertSame("listed", tasks.map(({ payload }) => payload.body), TEXTS);
  });

  await t.step("json of a body above 1 MiB, as an entry and as a default", async () => {
    const filler = " ".repeat(2 ** 20);
    const entries = TEXTS.map((text, at) => `{${to("large", at)},"json":${text}}`);
    await batch(api, `{"requests":[${entries}],${filler}"priority":4}`);
    assertSame("an entry", await server.bodies("large"), TEXTS);
    for (const [at, text] of TEXTS.entries()) {
      if (!/^[[{]\s/.test(text)) continue;
      const [task] = await batch(
        api,
        `{${filler}"requests":[{${to("default", at)}}],"json":${text}}`,
      );
      assert.equal(task.payload.body, text);
    }
  });

  await t.step("json of follow-ups", async () => {
    const entries = TEXTS.map((text, at) =>
      `{${to("first", at)},"onSuccess":{"fetch":{${to("follow", at)},"json":${text}}}}`
    );
    await batch(api, `{"requests":[${entries}]}`);
    assertSame("sent", await server.bodies("follow"), TEXTS);
  });

  await t.step("json of a notification's follow-up, with a long file in it", async () => {
    const file = "QUJD".repeat(50_000);
    const json = `{ "content" : "${file}", "n":1.0 }`;
    await submit(
      api,
      "/notify",
      `{"to":"ada@example.org","text":"x","onSuccess":{"fetch":{"url":"http://${host}/file/0",` +
        `"json":${json}}}}`,
    );
    assert.equal(await server.body("/file/0"), json);
  });

  await t.step("extract, and placeholders of what was extracted", async () => {
    const entries = TEXTS.map((_, at) =>
      `{${to("text", at)},"extract":{"json":{"v":""}},"onSuccess":{"fetch":{` +
      `${to("extracted", at)},"json":{"v":"{{task.result.extracted.json.v}}"}}}}`
    );
    const tasks = await batch(api, `{"requests":[${entries}]}`);
    assertSame("the body", tasks.map(({ result }) => result.body), TEXTS);
    assertSame("extracted", tasks.map(({ result }) => result.extracted.json.v), VALUES);
    const bodies = (await server.bodies("extracted")).map((body) => JSON.parse(body).v);
    assertSame("filled in", bodies, VALUES);
  });

  await t.step("expect", async () => {
    const entries = TEXTS.map((text, at) =>
      `{${to("text", at)},"retry":0,"expect":{"json":{"":${text}}}}`
    );
    const tasks = await batch(api, `{"requests":[${entries}]}`);
    assertSame("as expected", tasks.map(({ state }) => state), TEXTS.map(() => "succeeded"));
    const others = TEXTS.map((_, at) =>
      `{${to("text", at)},"retry":0,"expect":{"json":{"":"another"}}}`
    );
    const refused = await batch(api, `{"requests":[${others}]}`);
    const codes = TEXTS.map(() => "expectation_failed");
    assertSame("something else", refused.map(({ error }) => error?.code), codes);
  });

  await t.step("typed values of hooks", async () => {
    const verdicts: string[] = [];
    for (const [at, text] of TEXTS.entries()) {
      const body = `{"n":${at},"v":${text}}`;
      const answer = await submit(api, "/hooks/exact", body, { "x-gitlab-token": TOKEN });
      verdicts.push(answer.verdict);
    }
    assertSame("accepted", verdicts, TEXTS.map(() => "accepted"));
    assertSame("sent", await server.bodies("hook"), VALID.map(({ rewritten }) => rewritten));
  });

  await t.step("nesting up to 64, and no deeper", async () => {
    const nested = (depth: number) =>
      `{${to("deep", depth)},"json":${"[".repeat(depth)}${"]".repeat(depth)}}`;
    assert.equal((await submit(api, "/fetch", nested(63))).status, 202);
    const { status, errors } = await submit(api, "/fetch", nested(64));
    assert.deepEqual([status, errors[0].pointer], [422, ""]);
  });

  await t.step(
    "what is no JSON is refused with its place, and nothing of it is stored",
    async () => {
      const before = await api.counts();
      const wrong: string[] = [];
      for (const text of INVALID) {
        for (const body of [`{${to("no", 0)},"json":${text}}`, `{"requests":[{"json":${text}}]}`]) {
          const { status, code, detail } = await submit(api, "/fetch", body);
          const isRight = status === 400 && code === "malformed_json" &&
            /line \d+, column \d+/.test(detail);
          if (!isRight) wrong.push(`${JSON.stringify(text)}: ${status} ${code} ${detail}`);
        }
      }
      assert.deepEqual(wrong, []);
      const sum = (counts: Record<string, number>) =>
        Object.values(counts).reduce((one, other) => one + other);
      assert.equal(sum(await api.counts()), sum(before));
    },
  );
}

Deno.test("JSON is unchanged end to end with the queue in a file", (t) => check(t, {}));

Deno.test(
  "JSON is unchanged end to end with the queue in memory",
  (t) => check(t, { POSTRIDER_QUEUE: "memory:" }),
);

Deno.test({
  name: "JSON is unchanged end to end with the queue in PostgreSQL",
  ignore: !hasPostgres(),
  async fn(t) {
    await using cluster = await openCluster();
    await check(t, { POSTRIDER_QUEUE: cluster.url({ schema: "json" }) });
  },
});
