/**
 * Large submits: how long each keeps the thread of the API, in CPU time of that
 * thread, which other programs on the machine do not lengthen.
 *
 * @module
 */

import type { Finding } from "./report.ts";
import { openWorld } from "./world.ts";

/** What one turn of the event loop may take beside `JSON.parse` of a long text, in milliseconds. */
const MOST_MS = 50;
/** What one `JSON.parse` of 25 MB may take, in milliseconds. */
const MOST_PARSE_MS = 100;

interface Submit {
  readonly name: string;
  readonly path: string;
  /** An object, or the text of its members. */
  readonly body: () => unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const many = <Value>(length: number, make: (n: number) => Value) =>
  Array.from({ length }, (_, n) => make(n));
const mail = (more: object) => ({ to: "a@example.org", subject: "s", text: "t", ...more });
const file = (megabytes: number) => ({
  filename: "a.bin",
  content: "QUJD".repeat(megabytes * 1e6 / 3),
});
const TEXT = "a line of text\n".repeat(1_700_000);

const SUBMITS: readonly Submit[] = [
  {
    name: "10,000 URLs",
    path: "/fetch",
    body: () => ({ urls: many(10_000, (n) => `http://example.org/${n}`) }),
  },
  {
    name: "10,000 URLs of 2,000 bytes",
    path: "/fetch",
    body: () => ({ urls: many(10_000, (n) => `http://example.org/${n}?${"x".repeat(1_970)}`) }),
  },
  {
    name: "10,000 URLs under an Idempotency-Key",
    path: "/fetch",
    body: () => ({ urls: many(10_000, (n) => `http://example.org/${n}`) }),
    headers: { "idempotency-key": "submits" },
  },
  {
    name: "10,000 follow-ups",
    path: "/fetch",
    body: () => ({
      requests: many(10_000, (n) => ({
        url: `http://h${n}.example.org/`,
        onSuccess: { notify: mail({ text: "{{task.id}}" }) },
      })),
    }),
  },
  {
    name: "10,000 templates",
    path: "/notify",
    body: () => ({
      notifications: many(10_000, (n) => ({
        to: `a${n}@example.org`,
        template: "alert",
        data: { title: `t${n}`, text: "hello" },
      })),
    }),
  },
  {
    name: "1,000 mails of 200 recipients",
    path: "/notify",
    body: () => ({
      notifications: many(1_000, (n) => mail({ to: many(200, (m) => `a${n}-${m}@example.org`) })),
    }),
  },
  {
    name: "1,000 mails of 1,000 recipients",
    path: "/notify",
    body: () => ({
      notifications: many(1_000, (n) => mail({ to: many(1_000, (m) => `a${n}-${m}@example.org`) })),
    }),
  },
  {
    name: "10 million empty objects in the data of a batch",
    path: "/notify",
    body: () =>
      `"notifications":[${
        many(40, () =>
          `{"to":"a@example.org","template":"alert","data":{"a":[${"{},".repeat(240_000)}1]}}`)
      }]`,
  },
  {
    name: "a text of 25 MB",
    path: "/notify",
    body: () => mail({ text: TEXT }),
  },
  {
    name: "a text of 25 MB under an Idempotency-Key",
    path: "/notify",
    body: () => mail({ text: TEXT }),
    headers: { "idempotency-key": "submits", "accept-encoding": "gzip" },
  },
  {
    name: "a text of 7 MB to eight places",
    path: "/notify",
    body: () => mail({ to: many(8, (n) => `json://example.org/${n}`), text: TEXT.slice(0, 7e6) }),
  },
  {
    name: "a file of 20 MB",
    path: "/notify",
    body: () => mail({ attachments: [file(20)] }),
  },
  {
    name: "a follow-up of 10 MB",
    path: "/notify",
    body: () => mail({ onSuccess: { notify: mail({ text: TEXT.slice(0, 1e7) }) } }),
  },
  {
    name: "a follow-up with a file of 10 MB",
    path: "/notify",
    body: () => mail({ onFailure: { notify: mail({ attachments: [file(10)] }) } }),
  },
  {
    name: "10 MB with a fallback",
    path: "/notify",
    body: () => mail({ text: TEXT.slice(0, 1e7), fallback: "b@example.org" }),
  },
  {
    name: "10 MB with five fallbacks",
    path: "/notify",
    body: () =>
      mail({ text: TEXT.slice(0, 1e7), fallback: many(5, (n) => `json://example.org/${n}`) }),
  },
  {
    name: "a file of 10 MB with a fallback",
    path: "/notify",
    body: () => mail({ attachments: [file(10)], fallback: "b@example.org" }),
  },
  {
    name: "20,000 recipients",
    path: "/notify",
    body: () => mail({ to: many(20_000, (n) => `a${n}@example.org`) }),
  },
  {
    name: "20,000 unknown fields",
    path: "/notify",
    body: () => mail(Object.fromEntries(many(20_000, (n) => [`f${n}`, 1]))),
  },
  {
    name: "200,000 unknown fields",
    path: "/notify",
    body: () => mail(Object.fromEntries(many(200_000, (n) => [`f${n}`, 1]))),
  },
  {
    name: "200,000 headers of a mail",
    path: "/notify",
    body: () => mail({ headers: Object.fromEntries(many(200_000, (n) => [`x-${n}`, "1"])) }),
  },
  {
    name: "200,000 headers of a fetch",
    path: "/fetch",
    body: () => ({
      url: "http://example.org/",
      headers: Object.fromEntries(many(200_000, (n) => [`x-${n}`, "1"])),
    }),
  },
  {
    name: "a follow-up of 10 MB, as a dry run",
    path: "/notify?dryRun=true",
    body: () => mail({ onSuccess: { notify: mail({ text: TEXT.slice(0, 1e7) }) } }),
  },
  {
    name: "a text of 25 MB, as a dry run",
    path: "/notify?dryRun=true",
    body: () => mail({ text: TEXT }),
  },
  {
    name: "100 texts of 250 kB, as a dry run",
    path: "/notify?dryRun=true",
    body: () => ({ notifications: many(100, () => mail({ text: TEXT.slice(0, 250_000) })) }),
  },
  {
    name: "1 MB of numbers in json",
    path: "/fetch",
    body: () => ({ url: "http://example.org/", method: "POST", json: many(240_000, () => 1) }),
  },
  {
    name: "1 MB of numbers with exponents in json",
    path: "/fetch",
    body: () =>
      `"url":"http://example.org/","method":"POST","json":[${many(200_000, () => "1e5")}]`,
  },
  {
    name: "1 MB of long numbers in json",
    path: "/fetch",
    body: () =>
      `"url":"http://example.org/","method":"POST","json":[${
        many(45_000, () => "12345678901234567891")
      }]`,
  },
  {
    name: "1 MB of names in json",
    path: "/fetch",
    body: () => ({
      url: "http://example.org/",
      method: "POST",
      json: Object.fromEntries(many(75_000, (n) => [`x-${n}`, 1])),
    }),
  },
  {
    name: "250 kB of names in json",
    path: "/fetch",
    body: () => ({
      url: "http://example.org/",
      method: "POST",
      json: Object.fromEntries(many(20_000, (n) => [`x-${n}`, 1])),
    }),
  },
  {
    name: "3 MB of names in the json of a batch",
    path: "/fetch",
    body: () => ({
      requests: [{
        url: "http://example.org/",
        method: "POST",
        json: Object.fromEntries(many(200_000, (n) => [`x-${n}`, 1])),
      }],
    }),
  },
  {
    name: "3 MB of names in the data of a template",
    path: "/notify",
    body: () => ({
      to: "a@example.org",
      template: "alert",
      data: { title: "t", text: "x", ...Object.fromEntries(many(200_000, (n) => [`x-${n}`, 1])) },
    }),
  },
];

/** Submits each by itself. */
export async function submits(): Promise<Finding[]> {
  const findings: Finding[] = [];
  await using world = await openWorld({ POSTRIDER_MAX_QUEUED: "1000000" }, { isProbed: true });
  const { service } = world;
  let asked = 0;
  /** The longest turn, and the longest parse, since the last call. */
  const longestTurn = async () => {
    const line = new RegExp(`longest turn ${++asked}: ([\\d.]+) ms, parse ([\\d.]+) ms`);
    const printed = service.lines.find(line);
    service.kill("SIGUSR1");
    const [, turn, parse] = await printed;
    return { turn: Number(turn), parse: Number(parse) };
  };
  await longestTurn();
  for (const { name, path, body, headers = {} } of SUBMITS) {
    const content = body();
    const members = typeof content === "string" ? content : JSON.stringify(content).slice(1, -1);
    const response = await fetch(world.api.url + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: `{${members},"delay":"2d"}`,
    });
    await response.body?.cancel();
    const { turn, parse } = await longestTurn();
    const value = `${turn} ms in a row (goal: below ${MOST_MS})`;
    findings.push({
      name: `${response.status} ${name}`,
      value: parse > 0 ? `${value}, and JSON.parse ${parse} ms` : value,
      holds: turn < MOST_MS && parse < MOST_PARSE_MS,
      isMeasure: true,
    });
  }
  return findings;
}
