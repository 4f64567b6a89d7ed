/**
 * F4: JSON leaves as it was written, and numbers keep their digits wherever they are used.
 *
 * @module
 */

import { type Any, brief, type Case, TOKEN, type World } from "./world.ts";

const JSON_TEXT = '{"id": 12345678901234567891, "f": 1.0, "e": 1e400}';

/** What the echo server got at `path` for a request that `submit` makes. */
function sent(
  input: string,
  expected: string,
  path: string,
  submit: (world: World, url: string) => Promise<unknown>,
): Case {
  return {
    id: "F4",
    input,
    expected,
    async run(world) {
      const answer = await submit(world, `${world.echo}/200/${path}`) as Any;
      if (answer?.errors) return JSON.stringify(answer.errors);
      const [request] = await world.received(`/200/${path}`);
      return request?.body === "" ? request.path : request?.body ?? "";
    },
  };
}

const SERVED = JSON_TEXT;

async function answered({ serve, fetch }: World, payload: object): Promise<Any> {
  const { url } = serve(() => ({ headers: { "content-type": "application/json" }, body: SERVED }));
  return await fetch({ url: `${url}/`, retry: 0, ...payload });
}

const HOOKS = (echo: string) => `
hooks:
  exact:
    preset: gitlab
    secret: ${TOKEN}
    fetch:
      url: "${echo}/200/hook?id={{ payload.id }}"
      json: { id: "{{ payload.id }}", all: "{{ payload }}", text: "no. {{ payload.id }}" }
`;

/** Rows of F4. */
export const EXACT: readonly Case[] = [
  sent(
    "json of one request",
    JSON_TEXT,
    "json/one",
    ({ submit }, url) => submit("/fetch", `{"url":"${url}","json":${JSON_TEXT}}`),
  ),
  sent(
    "json beside urls",
    JSON_TEXT,
    "json/urls",
    ({ submit }, url) =>
      submit("/fetch", `{"urls":["${url}"],"method":"POST","json":${JSON_TEXT}}`),
  ),
  sent(
    "json of an entry",
    ` [1E+2,\t-0 ]`.trim(),
    "json/entry",
    ({ submit }, url) => submit("/fetch", `{"requests":[{"url":"${url}","json": [1E+2,\t-0 ] }]}`),
  ),
  sent(
    "json of a follow-up",
    '{"n":1.50,"of":200}',
    "json/follow",
    ({ submit, echo }, url) =>
      submit(
        "/fetch",
        `{"url":"${echo}/200/first","onSuccess":{"fetch":{"url":"${url}",` +
          `"json":{"n":1.50,"of":"{{task.result.status}}"}}}}`,
      ),
  ),
  sent(
    "json whose name is written with an escape",
    "1e400",
    "json/escaped",
    ({ submit }, url) => submit("/fetch", `{"url":"${url}","\\u006ason":1e400}`),
  ),
  sent(
    "an extracted number in a follow-up",
    '{"id":"12345678901234567891"}',
    "json/extracted",
    ({ submit, serve }, url) => {
      const page = serve(() => ({ body: SERVED }));
      return submit("/fetch", {
        url: `${page.url}/`,
        extract: { json: { id: "/id" } },
        onSuccess: { fetch: { url, json: { id: "{{task.result.extracted.json.id}}" } } },
      });
    },
  ),
  {
    id: "F4",
    input: "extract.json",
    expected: 'succeeded, ["12345678901234567891",1,"1e400"]',
    async run(world) {
      const json = { id: "/id", f: "/f", e: "/e" };
      const task = await answered(world, { extract: { json } });
      return brief(task, JSON.stringify(Object.values(task.result.extracted.json)));
    },
  },
  ...([
    ["12345678901234567891", "succeeded"],
    ["12345678901234567890", "failed, delivered, expectation_failed"],
    ['"12345678901234567891"', "succeeded"],
  ] as const).map(([value, expected]): Case => ({
    id: "F4",
    input: `expect.json /id ${value}`,
    expected,
    async run({ serve, submit, api }) {
      const { url } = serve(() => ({ body: SERVED }));
      const { id } = await submit(
        "/fetch",
        `{"url":"${url}/","retry":0,"expect":{"json":{"/id":${value}}}}`,
      );
      return brief(await api.final(id));
    },
  })),
  sent(
    "a hook's typed value, payload, text and URL",
    '{"id":12345678901234567891,"all":{"id":12345678901234567891},' +
      '"text":"no. 12345678901234567891"}',
    "hook?id=12345678901234567891",
    async ({ configure, deliver, echo }) => {
      await configure(HOOKS(echo));
      return await deliver("exact", '{"id": 12345678901234567891}');
    },
  ),
  {
    id: "F4",
    input: "JSON that is not valid: 01",
    expected: "400 malformed_json, line 1, column 42",
    async run({ submit, echo }) {
      const { status, code, detail } = await submit("/fetch", `{"url":"${echo}/x","json":01}`);
      const place = /line \d+, column \d+/i.exec(detail)?.[0];
      return `${status} ${code}, ${place ? "line 1, column 42" : detail}`;
    },
  },
];
