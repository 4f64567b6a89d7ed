import assert from "node:assert/strict";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { createApp } from "../../../src/http/app.ts";
import { parseApiKeys } from "../../../src/http/auth/auth.ts";
import { examples } from "../../../src/http/openapi/examples.ts";
import { openapi } from "../../../src/http/openapi/document.ts";
import { PROBLEMS } from "../../../src/http/problems.ts";
import type { Outcome } from "../../../src/task/outcome.ts";
import { parseHooks } from "../../../src/hooks/hook_settings.ts";
import { SECRET, SENDERS } from "../../hooks/support.ts";
import { Api } from "../../support/api.ts";

// deno-lint-ignore no-explicit-any -- a document of JSON
const document = openapi("1.2.3") as any;
const METHODS = ["get", "post", "put", "delete", "patch"];
const URLS = { urls: ["https://a.example/", "https://b.example/"] };
/** Of every answer, or of every page. */
const WELL_KNOWN = [
  "content-type",
  "cache-control",
  "cross-origin-opener-policy",
  "referrer-policy",
  "x-content-type-options",
  "x-accel-buffering",
  "vary",
  "etag",
];
const REJECTED: Outcome = {
  kind: "rejected",
  error: { code: "http_404", detail: "Gone" },
  evidence: { address: "192.0.2.1" },
  result: { status: 404 },
};

const judge = new Ajv2020({ strict: true, strictRequired: false, validateFormats: false });
const local = (value: unknown) =>
  JSON.parse(JSON.stringify(value).replaceAll('"#/components/schemas/', '"document#/$defs/'));
judge.addSchema({ $id: "document", $defs: local(document.components.schemas) });
/** Compiling a schema takes longer than to use it. */
const compiled = new Map<string, ValidateFunction>();

/** What a schema of the document says of a value: nothing when it fits. */
function misfits(schema: unknown, value: unknown): string {
  const text = JSON.stringify(schema);
  const check = compiled.get(text) ?? judge.compile(local(schema));
  compiled.set(text, check);
  return check(value) ? "" : judge.errorsText(check.errors);
}

/** All references within a value. */
function refsIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) =>
    name === "$ref" ? [member as string] : refsIn(member)
  );
}

Deno.test("every route is in the document, and every operation is a route", async () => {
  await using api = await Api.open();
  const app = createApp(api.parts);
  const routes = app.routes.filter(({ method }) => method !== "ALL").map(({ method, path }) =>
    `${method} ${path.replace(/:(\w+)/g, "{$1}")}`
  )
    .filter((route) => !route.includes(" /ui/")) // Pages for people, below the dashboard.
    .filter((route) => !/[^ ]\/$/.test(route)); // The same route, with a slash at its end.
  const operations = Object.entries(document.paths as Record<string, object>).flatMap((
    [path, item],
  ) =>
    METHODS.filter((method) => method in item).map((method) => `${method.toUpperCase()} ${path}`)
  );
  assert.deepEqual(operations.sort(), routes.sort());
});

Deno.test("every reference of the document leads somewhere, and every component is used", () => {
  const refs = new Set(refsIn(document));
  for (const ref of refs) {
    const found = ref.slice(2).split("/").reduce((at, name) => at?.[name], document);
    assert.ok(found, ref);
  }
  for (const kind of ["schemas", "headers"]) {
    for (const name of Object.keys(document.components[kind])) {
      assert.ok(refs.has(`#/components/${kind}/${name}`), `${name} is not used`);
    }
  }
});

Deno.test("every problem of the contract is in the document", () => {
  const text = JSON.stringify(document.paths);
  const shown = Object.keys(PROBLEMS).filter((code) => !text.includes(`${code}: `));
  // Of requests that reach no operation: a bad Host, another method.
  assert.deepEqual(shown, ["bad_request", "method_not_allowed"]);
});

Deno.test("the examples of the document are accepted", async () => {
  await using api = await Api.open();
  for (const path of ["/notify", "/fetch"]) {
    const { schema, example } = document.paths[path].post.requestBody.content["application/json"];
    assert.equal(misfits(schema, example), "");
    assert.equal((await api.post(path, example)).status, 202);
  }
});

Deno.test.each([
  { path: "/notify", body: { to: "a@example.org", text: "x" }, fits: true },
  {
    path: "/notify",
    body: { bcc: "a@example.org", title: "x", template: "alert", data: {} },
    fits: true,
  },
  { path: "/notify", body: { text: "x" }, fits: false },
  { path: "/notify", body: { to: "a@example.org", subject: "x", title: "x" }, fits: false },
  { path: "/notify", body: { to: "a@example.org", text: "x", data: {} }, fits: false },
  { path: "/notify", body: { to: "a@example.org", text: "x", template: "alert" }, fits: false },
  {
    path: "/notify",
    body: { to: "a@example.org", text: "x", delay: "1s", runAt: "x" },
    fits: false,
  },
  { path: "/notify", body: { notifications: [{ to: "a@example.org", text: "x" }] }, fits: true },
  { path: "/notify", body: { to: "a@example.org", text: "x", onSuccess: {} }, fits: false },
  {
    path: "/notify",
    body: { to: "a@example.org", text: "x", onSuccess: { fetch: { url: "https://a.example/" } } },
    fits: true,
  },
  { path: "/fetch", body: { url: "https://a.example/", body: "x" }, fits: true },
  { path: "/fetch", body: { url: "https://a.example/", body: "x", json: 1 }, fits: false },
  { path: "/fetch", body: { method: "GET" }, fits: false },
  { path: "/fetch", body: { urls: ["https://a.example/"], concurrency: 1 }, fits: true },
  { path: "/schedules/{name}", body: { cron: "* * * * *", fetch: { url: "x" } }, fits: true },
  {
    path: "/schedules/{name}",
    body: { cron: "* * * * *", every: "1h", fetch: { url: "x" } },
    fits: false,
  },
  { path: "/schedules/{name}", body: { fetch: { url: "x" } }, fits: false },
  { path: "/schedules/{name}", body: { every: "1h" }, fits: false },
  {
    path: "/schedules/{name}",
    body: { every: "1h", fetch: { url: "x" }, notify: { to: "x" } },
    fits: false,
  },
])("$path with $body is valid by the document: $fits", ({ path, body, fits }) => {
  const operation = document.paths[path].post ?? document.paths[path].put;
  const { schema } = operation.requestBody.content["application/json"];
  assert.equal(misfits(schema, body) === "", fits, misfits(schema, body));
});

Deno.test("the examples of answers are what their schemas say", () => {
  assert.ok(Object.keys(examples).length > 10);
  for (const [name, example] of Object.entries(examples)) {
    assert.ok(document.components.schemas[name], name);
    assert.equal(misfits({ $ref: `#/components/schemas/${name}` }, example), "", name);
  }
});

Deno.test("the document is served as it is", async () => {
  await using api = await Api.open();
  assert.deepEqual((await api.get("/openapi.json")).body, JSON.parse(JSON.stringify(document)));
});

Deno.test("real answers are what the document says", async () => {
  let accepting = true;
  let canBackUp = true;
  const folder = await Deno.makeTempDir();
  await using _folder = {
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
  await using api = await Api.open({
    accepting: () => accepting,
    engine: (memory) =>
      Object.defineProperty(memory, "backup", {
        get: () => canBackUp ? (path: string) => Deno.writeTextFile(path, "copy") : undefined,
      }),
    keys: parseApiKeys("ci:s"),
    anonymous: "allowed",
    rate: { count: 100, windowMs: 1_000 },
    hookSettings: anAlertHook(),
    ports: {
      queueFile: {
        isGone: false,
        isFull: () => Promise.resolve(false),
        usage: () => Promise.resolve({ fileBytes: 1, logBytes: 2, freeBytes: 1e9 }),
        backupPath: (id) => `${folder}/${id}`,
      },
      aliasOf: () => ["ada@example.org"],
      templates: () => [{ name: "alert", formats: ["text"], sample: {}, ready: true }],
      outbox: {
        list: () =>
          Promise.resolve([{ id: "tsk_1", bytes: 1, writtenAt: 0, from: "", to: "", subject: "" }]),
        read: () => Promise.resolve(new Uint8Array(1)),
      },
      progressOf: () => ({ bytes: 1, totalBytes: 2, rate: 3 }),
      worker: () => ({
        running: 1,
        concurrency: 8,
        threads: [{ number: 1, attempts: 1, silentMs: 0.5 }],
        lost: [{ at: 0, reason: "silent" }],
      }),
    },
  });
  const seen = new Set<string>();

  async function check(
    method: string,
    template: string,
    path = template,
    json?: unknown,
    headers = {},
  ) {
    const answered = template.endsWith("/events")
      ? await firstEvent(path, headers)
      : await api.call(method, path, { headers, ...(json === undefined ? {} : { json }) });
    const status = `${answered.status}`;
    const operation = document.paths[template][method.toLowerCase()];
    const name = `${method} ${template} ${status}`;
    assert.ok(
      operation.responses[status],
      `${name} is not documented: ${JSON.stringify(answered.body)}`,
    );
    const [type = ""] = (answered.headers.get("content-type") ?? "").split(";");
    if (status === "204") return void seen.add(name);
    const media = operation.responses[status].content[type];
    assert.ok(media, `${name} is not documented as ${type}`);
    const values = type === "application/x-ndjson"
      ? answered.body.trimEnd().split("\n").map((line: string) => JSON.parse(line))
      : [answered.body];
    for (const value of values) assert.equal(misfits(media.schema, value), "", name);
    const documented = Object.keys(operation.responses[status].headers).map((name) =>
      name.toLowerCase()
    );
    for (const header of answered.headers.keys()) {
      const isKnown = WELL_KNOWN.includes(header) ||
        documented.includes(header);
      assert.ok(isKnown, `${name} has an undocumented ${header}`);
    }
    seen.add(name);
    return answered.body;
  }

  /** Streams of events go on: their data is checked against what it is said to be. */
  async function firstEvent(path: string, headers: Record<string, string>) {
    const response = await api.raw(path, { headers });
    if (!response.body) return { status: response.status, headers: response.headers, body: "" };
    let text = "";
    for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (/^data: /m.test(text) || path === "/events") break;
    }
    for (const [, data = ""] of text.matchAll(/^data: (.*)$/gm)) {
      assert.equal(misfits({ $ref: "#/components/schemas/TaskEvent" }, JSON.parse(data)), "");
    }
    return { status: response.status, headers: response.headers, body: text };
  }

  const mail = await check("POST", "/notify", "/notify", {
    to: "ada@example.org",
    subject: "Hello",
    attachments: [{ filename: "a", content: "" }],
    expires: "1h",
    tags: ["a"],
    key: "k",
  }, { authorization: "Bearer s" });
  const apprise = { urls: "ada@example.org", body: "Hello" };
  await check("POST", "/apprise/notify", "/apprise/notify", apprise);
  await check("POST", "/apprise/notify", "/apprise/notify", {});
  await check("POST", "/apprise/notify/{alias}", "/apprise/notify/oncall", apprise);
  await check("GET", "/outbox");
  await check("GET", "/outbox/{id}", `/outbox/${mail.id}`);
  await check("GET", "/templates");
  await check("GET", "/templates/{name}", `/templates/alert?data={"title":"a"}`);
  await check("GET", "/tasks/{id}", `/tasks/${mail.id}`);
  const [running] = await api.claim();
  await check("GET", "/tasks/{id}", `/tasks/${mail.id}`);
  await check("GET", "/status");
  await check("DELETE", "/tasks/{id}", `/tasks/${mail.id}`);
  await api.settle(running ?? assert.fail());
  await check("DELETE", "/tasks/{id}", `/tasks/${mail.id}`);
  const batch = await check("POST", "/fetch", "/fetch", URLS, { "idempotency-key": "k" });
  await check("POST", "/fetch", "/fetch", { ...URLS, priority: 1 }, { "idempotency-key": "k" });
  await check("GET", "/batches/{id}", `/batches/${batch.id}`);
  await check("GET", "/status/{id}", `/status/${batch.id}`);
  await api.finish(1, REJECTED);
  const [failed] = (await check("GET", "/tasks", "/tasks?state=failed&limit=1")).data;
  await check("GET", "/tasks", "/tasks?limit=1");
  await check("GET", "/tasks/count", "/tasks/count?state=failed");
  await check("GET", "/events");
  const told = await check("GET", "/tasks/{id}/events", `/tasks/${failed.id}/events`);
  const lastEventId = /^id: (\d+)/.exec(told)?.[1] ?? assert.fail();
  await check("GET", "/tasks/{id}/events", `/tasks/${failed.id}/events`, undefined, {
    "last-event-id": lastEventId,
  });
  await check("GET", "/tasks/{id}", `/tasks/${failed.id}`);
  await check("GET", "/status/{id}", `/status/${failed.id}`);
  await check("DELETE", "/batches/{id}", `/batches/${batch.id}`);
  await check("GET", "/batches/{id}/results", `/batches/${batch.id}/results`);
  await check("POST", "/fetch", "/fetch", URLS, { "idempotency-key": "k", prefer: "wait=1" });
  await check("POST", "/fetch", "/fetch", URLS, {
    "idempotency-key": "k",
    accept: "application/x-ndjson",
  });
  await check("POST", "/tasks/{id}/retry", `/tasks/${failed.id}/retry`);
  await check("POST", "/tasks/{id}/retry", `/tasks/${failed.id}/retry`);
  const twice = `/tasks/${failed.id}/duplicate`;
  await check("POST", "/tasks/{id}/duplicate", twice);
  await check("POST", "/tasks/{id}/duplicate", `${twice}?dryRun=true`, { priority: 1 });
  await check("POST", "/tasks/{id}/run", `/tasks/${failed.id}/run`);
  await check("DELETE", "/tasks/{id}", `/tasks/${failed.id}`);
  await check("POST", "/tasks/{id}/run", `/tasks/${failed.id}/run`);
  await check("POST", "/tasks/retry", "/tasks/retry?all=true");
  await check("GET", "/batches");
  const pause = await check("POST", "/pauses", "/pauses", { host: "a.test", until: "1h" });
  await check("GET", "/pauses");
  await check("DELETE", "/pauses/{id}", `/pauses/${pause.id}`);
  await check("POST", "/holds/release", "/holds/release?host=a.test");
  await check("DELETE", "/tasks", "/tasks?state=queued");
  const fetched = await check("POST", "/fetch", "/fetch", { url: "https://example.org/" });
  await api.finish(1, { kind: "delivered", result: { body: "héllo", truncated: false } });
  const itsBody = `/tasks/${fetched.id}/body`;
  await check("GET", "/tasks/{id}/body", itsBody);
  await check("POST", "/fetch", "/fetch?dryRun=true", URLS);
  await check("GET", "/tasks/{id}/body", itsBody, undefined, { range: "bytes=0-1" });
  await check("GET", "/tasks/{id}/body", itsBody, undefined, { range: "bytes=9-" });
  await check("GET", "/hooks");
  const alert = { status: "firing", groupKey: "g", alerts: [] };
  const bearer = { authorization: "Bearer a-long-secret" };
  const delivery = await check("POST", "/hooks/{name}", "/hooks/alerts", alert, bearer);
  await check("POST", "/hooks/{name}", "/hooks/alerts", alert, bearer);
  await check("POST", "/hooks/{name}", "/hooks/alerts", alert);
  await check("POST", "/hooks/{name}", "/hooks/none", alert);
  const asked = { type: "url_verification", challenge: "word" };
  const sender = SENDERS.slack ?? assert.fail();
  await check("POST", "/hooks/{name}", "/hooks/chat", asked, sender.headers(JSON.stringify(asked)));
  await check("GET", "/hooks/{name}/deliveries", "/hooks/alerts/deliveries");
  const deliveries = "/hooks/{name}/deliveries/{id}/replay";
  await check("POST", deliveries, `/hooks/alerts/deliveries/${delivery.id}/replay`);
  const nightly = { cron: "0 3 * * *", fetch: { url: "https://example.org/" } };
  await check("PUT", "/schedules/{name}", "/schedules/nightly", nightly);
  await check("PUT", "/schedules/{name}", "/schedules/nightly", { ...nightly, overlap: "allow" });
  await check("PUT", "/schedules/{name}", "/schedules/nightly", { ...nightly, every: "1h" });
  await check("PATCH", "/schedules/{name}", "/schedules/nightly", { overlap: "skip" });
  await check("GET", "/schedules");
  await check("GET", "/schedules/{name}", "/schedules/nightly");
  await check("GET", "/schedules/{name}", "/schedules/none");
  await check("POST", "/schedules/{name}/run", "/schedules/nightly/run");
  await check("POST", "/schedules/{name}/pause", "/schedules/nightly/pause");
  await check("POST", "/schedules/{name}/resume", "/schedules/nightly/resume");
  await check("DELETE", "/schedules/{name}", "/schedules/nightly");
  await check("POST", "/admin/reload");
  await check("POST", "/admin/backup");
  canBackUp = false;
  await check("POST", "/admin/backup");
  await check("DELETE", "/tasks");
  await check("POST", "/notify", "/notify", { to: "x" });
  await check("POST", "/fetch", "/fetch", undefined);
  await check("GET", "/tasks/{id}", "/tasks/x");
  await check("GET", "/tasks", "/tasks", undefined, { authorization: "Bearer x" });
  await check("GET", "/livez");
  await check("GET", "/readyz");
  await check("GET", "/openapi.json");
  await check("GET", "/metrics");
  await check("GET", "/");
  await check("GET", "/docs");
  await check("GET", "/client.js");
  await check("GET", "/client.d.ts");
  await check("GET", "/manual");
  await check("GET", "/manual/{name}", "/manual/notify");
  await check("GET", "/manual/{name}", "/manual/nothing");
  await check("GET", "/metrics/alerts.yaml");
  await check("GET", "/metrics/grafana.json");
  accepting = false;
  await check("GET", "/readyz");
  await check("POST", "/fetch", "/fetch", URLS);

  const good = Object.entries(
    document.paths as Record<string, Record<string, { responses: object }>>,
  )
    .flatMap(([path, item]) =>
      Object.entries(item).flatMap(([method, { responses }]) =>
        Object.keys(responses).filter((status) => status < "300").map((status) =>
          `${method.toUpperCase()} ${path} ${status}`
        )
      )
    );
  assert.deepEqual(good.filter((name) => !seen.has(name)), ["POST /notify 200"]);
});

/** Two hooks, `alerts` and `chat`, that mail. */
function anAlertHook() {
  const notify = { to: "ada@example.org", subject: "It is {{ payload.status }}" };
  const hook = { preset: "alertmanager", secret: "a-long-secret", notify };
  const chat = { ...hook, preset: "slack", secret: SECRET };
  const parsed = parseHooks({ alerts: hook, chat }, () => "");
  assert.ok(!parsed.issues);
  return parsed.value;
}

Deno.test("an answer with a member too many would not pass", () => {
  const counts = { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0, expired: 0 };
  const schema = { $ref: "#/components/schemas/BatchBrief" };
  const batch = { id: "bat_x", total: 1, counts, done: false };
  assert.equal(misfits(schema, batch), "");
  assert.notEqual(misfits(schema, { ...batch, more: 1 }), "");
  assert.notEqual(misfits(schema, { ...batch, counts: {} }), "");
});

/** All schemas within a value, with the pointer to each. */
function schemasIn(value: unknown, pointer: string): { pointer: string; schema: Schema }[] {
  if (typeof value !== "object" || value === null) return [];
  const within = Object.entries(value).filter(([name]) => !/^examples?$/.test(name))
    .flatMap(([name, member]) => schemasIn(member, `${pointer}/${name}`));
  const isSchema = /\/(?:schemas|properties)\/[^/]+$|\/(?:schema|items)$/.test(pointer);
  return isSchema ? [{ pointer, schema: value as Schema }, ...within] : within;
}

type Schema = Readonly<Record<string, unknown>>;

Deno.test("every operation is described, under a tag that is declared", () => {
  const tags = document.tags.map(({ name }: { name: string }) => name);
  for (const [path, item] of Object.entries<Record<string, Schema>>(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const name = `${method} ${path}`;
      assert.ok(String(operation.description ?? "").length > 10, `${name} has no description`);
      assert.match(String(operation.summary), /^[A-Z].*[^.]$/, name);
      for (const tag of operation.tags as string[]) assert.ok(tags.includes(tag), name);
    }
  }
});

Deno.test("no schema leaves an object open without saying so, or makes a request's field required by a default", () => {
  for (const { pointer, schema } of schemasIn(document, "")) {
    if (schema.type === "object") {
      const isSaid = "properties" in schema || "additionalProperties" in schema;
      assert.ok(isSaid, `${pointer} is a bare object`);
    }
    // Generators take a property with a default for one that is always there.
    const isParameter = pointer.includes("/parameters/");
    assert.ok(isParameter || !("default" in schema), `${pointer} has a default`);
    if (schema.enum) assert.ok(schema.type, `${pointer} has values without a type`);
  }
});

Deno.test("a public linter finds no fault in the document", async () => {
  const lint = async (source: unknown) => {
    const config = await createConfig({ extends: ["recommended"] });
    const problems = await lintFromString({
      source: JSON.stringify(source),
      absoluteRef: "openapi.json",
      config,
    });
    return problems.filter(({ ignored }) => !ignored);
  };
  const found = (await lint(document)).map(({ ruleId, message, location }) =>
    `${ruleId} ${location[0]?.pointer} ${message}`
  );
  // The two health paths need no API key, so they refuse no request.
  const none = (path: string) =>
    `operation-4xx-response #/paths/~1${path}/get/responses Operation must have at least one \`4XX\` response.`;
  assert.deepEqual(found, [none("livez"), none("readyz")]);
  assert.notDeepEqual(await lint({ ...document, paths: { "/x": { get: {} } } }), []);
});
