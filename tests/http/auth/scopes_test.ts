import assert from "node:assert/strict";
import { parseApiKeys, SCOPES } from "../../../src/http/auth/auth.ts";
import { Api } from "../../support/api.ts";

const FETCH = { url: "https://example.org/", delay: "1d" };
const NOTIFY = { to: "ada@example.org", subject: "s", text: "t" };
/** What a request needs to be right, where it takes a body. */
const BODIES: Readonly<Record<string, unknown>> = {
  "POST /notify": NOTIFY,
  "POST /fetch": FETCH,
  "POST /apprise/notify": { urls: "mailto://ada@example.org", body: "b" },
  "POST /apprise/notify/{alias}": { body: "b" },
  "POST /tasks/{id}/duplicate": {},
  "POST /pauses": { all: true },
  "PUT /schedules/{name}": { every: "1h", fetch: FETCH },
  "PATCH /schedules/{name}": { every: "2h" },
};
/** Wrong in one way each. */
const WRONG: readonly {
  readonly query?: string;
  readonly body?: string;
  readonly type?: string;
}[] = [
  { query: "?nope=1" },
  { query: "?limit=x&limit=y&cursor=%00&wait=x&erase=x&dryRun=x&format=x&host=%20" },
  { body: "{" },
  { body: '{"nope":1}' },
  { body: "[1]" },
  { body: "nope", type: "text/plain" },
  { body: "x".repeat(100_000), type: "application/octet-stream" },
];
/** What is there, and is not found by others than its owner. */
const OWNED = /^\/(?:tasks|batches|status|schedules)\/\{\w+\}(?!\/body)/;
/** What needs no key. */
const OPEN = [
  "POST /hooks/{name}",
  "GET /livez",
  "GET /readyz",
  "GET /metrics/alerts.yaml",
  "GET /metrics/grafana.json",
  "GET /",
  "GET /docs",
  "GET /client.js",
  "GET /client.d.ts",
  "GET /manual",
  "GET /manual/{name}",
  "GET /openapi.json",
];
const KEYS = [
  ...SCOPES.map((scope) => ({ key: scope, secret: `${scope}-0123456789` })),
  { key: "stranger", secret: "stranger-0123456789" },
  { key: "a wrong one", secret: "wrong-0123456789" },
  { key: "none", secret: undefined },
];

async function world() {
  const setting = [
    ...SCOPES.map((scope) => `${scope}:${scope}-0123456789:${scope}`),
    "owner:owner-0123456789:notify+fetch",
    "stranger:stranger-0123456789:notify+fetch",
  ];
  const api = await Api.open({
    keys: parseApiKeys(setting.join()),
    anonymous: "refused",
  });
  const headers = { authorization: "Bearer owner-0123456789" };
  const { body: task } = await api.post("/fetch", FETCH, headers);
  const { body: batch } = await api.post("/fetch", { requests: [FETCH] }, headers);
  await api.call("PUT", "/schedules/x", { headers, json: { every: "1h", fetch: FETCH } });
  const { body: document } = await api.get("/openapi.json");
  const routes = Object.entries<object>(document.paths).flatMap(
    ([path, methods]) =>
      Object.entries(methods).filter(([method]) => /^(get|put|post|patch|delete)$/.test(method))
        .map(([method]) => ({ method: method.toUpperCase(), path })),
  );
  const placed = (path: string) =>
    path.replace("/batches/{id}", `/batches/${batch.id}`).replace("{id}", task.id)
      .replace(/\{\w+\}/, "x");
  return { api, routes, placed };
}

Deno.test.each(KEYS)(
  "what is wrong with a request does not change how the key $key is refused",
  async ({ secret }) => {
    const { api, routes, placed } = await world();
    await using _ = api;
    const found: string[] = [];
    let refused = 0;
    for (const { method, path } of routes) {
      const name = `${method} ${path}`;
      const statusOf = async (
        { query = "", body, type = "application/json" }: typeof WRONG[number],
      ) => {
        const response = await api.raw(placed(path) + query, {
          method,
          ...(body === undefined || method === "GET" ? {} : { body }),
          headers: {
            ...(body === undefined ? {} : { "content-type": type }),
            ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
          },
        });
        await response.body?.cancel();
        return response.status;
      };
      const wrong = [];
      for (const one of WRONG) wrong.push([one, await statusOf(one)] as const);
      const right = BODIES[name];
      const status = await statusOf(right === undefined ? {} : { body: JSON.stringify(right) });
      if (secret === undefined && (status === 401) === OPEN.includes(name)) {
        found.push(`${name}: ${status} without a key`);
      }
      if (![401, 403, 429].includes(status) && !(status === 404 && OWNED.test(path))) continue;
      refused++;
      for (const [{ query, body }, other] of wrong) {
        // After many wrong keys in a row, each is 429.
        const isSame = other === status || [other, status].every((one) => [401, 429].includes(one));
        if (!isSame) found.push(`${name} ${query ?? body?.slice(0, 20)}: ${other}, not ${status}`);
      }
    }
    assert.deepEqual(found, []);
    assert.ok(refused > 5, `${refused} of ${routes.length} routes refuse it`);
  },
);
