/**
 * F13 to F15, F17, F19 and F20: what callers, terminals and tracers see.
 *
 * @module
 */

import { attributesOf, startCollector } from "../../support/collector.ts";
import { ROOT, startPostrider } from "../../support/process.ts";
import { runInTerminal, startFiles, withoutService } from "../../support/terminal.ts";
import { type Any, brief, type Case, waitOf, type World } from "./world.ts";

const DEFAULT = "1s, 5s, 30s, 2m, 5m";

const RETRIES: readonly Case[] = [
  {
    id: "F13",
    input: "the tries of a request without retry",
    expected: "6 tries over 456 s or more",
    async run({ submit, echo }) {
      const { tasks: [task] } = await submit("/fetch?dryRun=true", { url: echo });
      const times = task.tries.map((one: string) => Date.parse(one));
      const seconds = (times.at(-1) - times[0]) / 1_000;
      return `${times.length} tries over ${seconds >= 456 ? "456 s or more" : `${seconds} s`}`;
    },
  },
  {
    id: "F13",
    input: "where the default schedule is written",
    expected: "the README, the manual, the OpenAPI document, the send form",
    async run({ api }) {
      const places = {
        "the manual": "/manual/tasks",
        "the OpenAPI document": "/openapi.json",
        "the send form": "/ui/send",
      };
      const readme = await Deno.readTextFile(`${ROOT}README.md`);
      const found = readme.includes(DEFAULT) ? ["the README"] : [];
      for (const [name, path] of Object.entries(places)) {
        if ((await (await fetch(api.url + path)).text()).includes(DEFAULT)) found.push(name);
      }
      return found.join(", ");
    },
  },
  {
    id: "F14",
    input: 'the waits of retry: "5s, 1m"',
    expected: "5 to 6.25 s, then 60 to 75 s",
    async run({ deferred, api, echo }) {
      const first = await deferred({ url: `${echo}/500/waits`, retry: "5s, 1m" });
      const ran = await fetch(`${api.url}/tasks/${first.id}/run`, { method: "POST" });
      await ran.body?.cancel();
      let second = first;
      while (second.attempts.length < 2 || second.attempts[1].endedAt === undefined) {
        second = (await api.call<Any>(`/tasks/${first.id}`)).body;
      }
      const within = (wait: number, from: number) =>
        wait >= from && wait <= from * 1.25 ? `${from} to ${from * 1.25} s` : `${wait} s`;
      return `${within(waitOf(first), 5)}, then ${within(waitOf(second), 60)}`;
    },
  },
];

const COMMANDS: readonly Case[] = [
  {
    id: "F15",
    input: "deno task fetch of five URLs with --save on a terminal",
    expected: "ends with 0, each name beside its bar, lines below 80 columns",
    async run({ folder }) {
      await using files = startFiles();
      const names = [`slow-${encodeURIComponent("報告書")}`, "slow-2", "3", "4", "5"];
      const urls = names.map((name) => `'http://${files.host}/${name}?${"long=yes&".repeat(5)}'`);
      const { code, seen } = await runInTerminal(
        `${Deno.execPath()} run -A src/cli/fetch.ts ${urls.join(" ")} --save`,
        { ...withoutService(files.host), POSTRIDER_DOWNLOADS: `${folder}/terminal` },
        (text) => {
          if (/slow-2 .*50%/.test(text) && /slow-報告書 .*50%/.test(text)) files.release();
        },
      );
      // deno-lint-ignore no-control-regex -- what moves the cursor takes no column
      const bars = seen.replace(/\x1b\[\w+/g, "").split(/\r?\n/).filter((one) => /[█░]/.test(one));
      const wide = (line: string) => line.replace(/[\u3000-\u9fff]/g, "xx").length;
      const isNarrow = bars.length > 0 && bars.every((line) => wide(line) < 80);
      const isNamed = bars.some((line) => line.includes("slow-2")) &&
        bars.some((line) => line.includes("slow-報告書"));
      return `ends with ${code}, ${isNamed ? "each name beside its bar" : bars.join("\n")}, ` +
        (isNarrow ? "lines below 80 columns" : "a longer line");
    },
  },
];

const refused = (id: string, input: string, body: object, expected: string): Case => ({
  id,
  input,
  expected,
  async run({ submit }) {
    const { status, errors, ...task } = await submit("/fetch", body);
    return errors ? `${status} ${errors.map(({ pointer }: Any) => pointer)}` : brief(task);
  },
});

const URL = "https://example.org/";

const ENTRIES: readonly Case[] = [
  refused(
    "F19",
    'urls, and onSuccess.fetch.url "x"',
    { urls: [URL], onSuccess: { fetch: { url: "x" } } },
    "422 /onSuccess/fetch/url",
  ),
  refused(
    "F19",
    "defaults that every entry overrides: timeout 42",
    { requests: [{ url: URL, timeout: "5s" }], timeout: 42 },
    "422 /timeout",
  ),
  refused(
    "F19",
    "a default that is unknown",
    { requests: [{ url: URL }], tiemout: "5s" },
    "422 /tiemout",
  ),
  refused(
    "F19",
    "a wrong header of the defaults, overridden by every entry",
    { requests: [{ url: URL, headers: {} }], headers: { "a b": "c" } },
    "422 /headers/a b",
  ),
  refused(
    "F19",
    "one wrong entry beside wrong defaults",
    { requests: [{ url: URL }, { url: "x" }], retry: "soon" },
    "422 /retry,/requests/1/url",
  ),
  refused(
    "F19",
    "a callback of a batch to a private address, and onComplete without a target",
    { urls: [URL], callback: "http://10.0.0.1/", onComplete: { notify: { text: "x" } } },
    "422 /callback,/onComplete/notify/to",
  ),
  refused(
    "F19",
    "json and body as defaults, and body in one entry",
    { requests: [{ url: URL, body: "x" }, { url: URL }], json: 1, bodyBase64: "?" },
    "422 /bodyBase64,/bodyBase64",
  ),
  refused(
    "F19",
    "the second of two urls",
    { urls: [URL, "ftp://example.org/"] },
    "422 /urls/1",
  ),
  refused(
    "F19",
    "onComplete of one request",
    { url: URL, onComplete: { notify: { to: "a@example.org", text: "x" } } },
    "422 /onComplete",
  ),
];

const raw = (lines: string): string => `HTTP/1.1 200 OK\r\n${lines}Content-Length: 2\r\n\r\nok`;

const DECIDED: readonly Case[] = [
  {
    id: "F17",
    input: "expect.status [302]",
    expected: "succeeded, 302",
    async run({ serve, fetch }) {
      const { url } = serve(() => ({ status: "302 Found", headers: { location: "/x" } }));
      const task = await fetch({ url: `${url}/`, expect: { status: [302] } });
      return brief(task, task.result?.status);
    },
  },
  {
    id: "F17",
    input: "POST answered 200 where 201 is expected",
    expected: "failed, delivered, expectation_failed, 1 sent",
    async run({ serve, fetch }) {
      const server = serve(() => ({ body: "ok" }));
      const task = await fetch({ url: `${server.url}/`, json: 1, expect: { status: [201] } });
      return brief(task, `${server.heads.length} sent`);
    },
  },
  ...["{{task.result.body | upcase}}", "{{task.result.staus}}", "{{batch.id}}"].map((text) =>
    refused(
      "F17",
      `${text} in a follow-up`,
      { url: URL, onSuccess: { notify: { to: "a@example.org", subject: "x", text } } },
      "422 /onSuccess/notify/text",
    )
  ),
  ...([["to", "{{task.id}}@example.org"], ["key", "{{task.id}}"]] as const).map(([name, value]) =>
    refused(
      "F17",
      `${name} ${value} in a follow-up`,
      {
        url: URL,
        onSuccess: { notify: { to: "a@example.org", subject: "x", text: "x", [name]: value } },
      },
      `422 /onSuccess/notify/${name}`,
    )
  ),
  ...["304 Not Modified", "204 No Content"].map((status): Case => ({
    id: "F17",
    input: `${status} with save`,
    expected: `succeeded, ${status.slice(0, 3)}, no file`,
    async run({ serve, fetch }) {
      const { url } = serve(() => ({ raw: `HTTP/1.1 ${status}\r\n\r\n` }));
      const task = await fetch({ url: `${url}/`, save: true });
      return brief(task, task.result?.status, task.result?.saved ? "a file" : "no file");
    },
  })),
  ...([
    ["application/x-ndjson;q=0, application/json", "application/json"],
    ["application/json;q=0.5, application/x-ndjson;q=0.9", "application/x-ndjson"],
    ["application/json, application/x-ndjson;q=0.1", "application/json"],
    ["application/json;q=0.9, */*;q=0.8", "application/json"],
    ["*/*", "application/json"],
    ["APPLICATION/X-NDJSON ; Q=1.0", "application/x-ndjson"],
  ] as const).map(([accept, type]): Case => ({
    id: "F17",
    input: `Accept: ${accept}`,
    expected: type,
    async run({ api, echo }) {
      const response = await fetch(`${api.url}/fetch`, {
        method: "POST",
        headers: { "content-type": "application/json", accept },
        body: JSON.stringify({ urls: [`${echo}/200/accept`] }),
      });
      await response.text();
      return response.headers.get("content-type")?.split(";")[0] ?? "";
    },
  })),
  ...([
    ["obs-fold", raw("X-A: b\r\n c\r\n")],
    ["X-A : 1", raw("X-A : 1\r\n")],
  ] as const).map(([input, answer]): Case => ({
    id: "F17",
    input: `a response with ${input}`,
    expected: "failed, not_delivered, bad_response",
    async run({ serve, fetch }) {
      const { url } = serve(() => ({ raw: answer }));
      return brief(await fetch({ url: `${url}/`, retry: 0 }));
    },
  })),
  {
    id: "F17",
    input: "the case of header names over HTTP/1.1",
    expected: "succeeded, X-MyHeader: a, SOAPAction: b",
    async run({ serve, fetch }) {
      const server = serve(() => ({ body: "ok" }));
      const headers = { "X-MyHeader": "a", SOAPAction: "b" };
      const task = await fetch({ url: `${server.url}/`, headers });
      const lines = server.heads[0]?.split("\r\n").filter((line) => /^(x-my|soap)/i.test(line));
      return brief(task, ...lines ?? []);
    },
  },
  {
    id: "F17",
    input: "a GET with a body",
    expected: "succeeded, GET, content-length: 5",
    async run({ serve, fetch }) {
      const server = serve(() => ({ body: "ok" }));
      const task = await fetch({ url: `${server.url}/`, method: "GET", body: "hello" });
      const [head = ""] = server.heads;
      return brief(task, head.split(" ")[0], /^content-length: .*$/im.exec(head)?.[0]);
    },
  },
];

const TRACES: readonly Case[] = [
  ...["/?", "/a?#b", "/?&", "/a?x"].map((path): Case => ({
    id: "F20",
    input: `the URL http://x${path}`,
    expected: `succeeded, GET ${path.replace(/#.*/, "")} HTTP/1.1`,
    async run({ serve, fetch }) {
      const server = serve(() => ({ body: "ok" }));
      const task = await fetch({ url: server.url + path });
      return brief(task, server.heads[0]?.split("\r\n")[0]);
    },
  })),
  {
    id: "F20",
    input: "spans of a submit with the caller's traceparent",
    expected: "caller > server > submit > queue wait, attempt > upstream; GET 200; send",
    async run({ folder }: World) {
      await using collector = startCollector();
      await using traced = startPostrider({ data: `${folder}/traced`, env: collector.env });
      const { url } = await traced.listening;
      const caller = "b7ad6b7169203331";
      const traceparent = `00-0af7651916cd43dd8448eb211c80319c-${caller}-01`;
      const response = await fetch(`${url}/fetch`, {
        method: "POST",
        headers: { "content-type": "application/json", traceparent },
        body: JSON.stringify({ url: `http://${collector.host}/called` }),
      });
      await response.body?.cancel();
      const submit = await collector.span("submit /fetch");
      const waited = await collector.span("queue wait");
      const attempt = await collector.span("attempt http");
      const server = await collector.find(({ spanId }) => spanId === submit.parentSpanId);
      const isRight = server.parentSpanId === caller && waited.parentSpanId === submit.spanId &&
        attempt.parentSpanId === submit.spanId &&
        collector.called[0]?.includes(attempt.spanId);
      const called = attributesOf(attempt);
      const http = `${called["http.request.method"]} ${called["http.response.status_code"]}`;
      return `${
        isRight ? "caller > server > submit > queue wait, attempt > upstream" : "other parents"
      }; ${http}; ${attributesOf(submit)["messaging.operation.type"]}`;
    },
  },
];

/** Rows of F13 to F15, F17, F19 and F20. */
export const CALLERS: readonly Case[] = [
  ...RETRIES,
  ...COMMANDS,
  ...DECIDED,
  ...ENTRIES,
  ...TRACES,
];
