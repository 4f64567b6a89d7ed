/**
 * F11, F12 and what F17 says of hooks: values are encoded for their place, a mended mapping is
 * applied to a repetition, and targets are checked when they are loaded.
 *
 * @module
 */

import { createHmac } from "node:crypto";
import { ROOT, startPostrider } from "../../support/process.ts";
import { type Any, type Case, TOKEN, type World } from "./world.ts";

const hook = (name: string, mapping: string) => `
  ${name}:
    preset: gitlab
    secret: ${TOKEN}
    ${mapping.replaceAll("\n", "\n    ")}
`;

/** A mapping whose request is shown as the echo server gets it. */
function mapped(input: string, expected: string, mapping: string, payload: object): Case {
  return {
    id: "F11",
    input,
    expected,
    async run({ configure, deliver, received, echo }) {
      const name = `mapped${++count}`;
      await configure(`hooks:${hook(name, mapping.replaceAll("ECHO", `${echo}/200/${name}`))}`);
      const { verdict, error } = await deliver(name, payload);
      if (verdict !== "accepted") return `${verdict} ${JSON.stringify(error)}`;
      const [request] = await received(`/200/${name}/`);
      const path = request?.path.replace(`/200/${name}`, "");
      return [path, request?.body].filter((part) => part !== "").join(" ");
    },
  };
}

let count = 0;
const EVIL = { x: "a&admin=1#x", n: 5, on: true, list: [1, "b"], quote: '","role":"admin' };

const MAPPED: readonly Case[] = [
  mapped(
    "a value in a query",
    "/?m=a%26admin%3D1%23x",
    'fetch: { url: "ECHO/?m={{ payload.x }}" }',
    EVIL,
  ),
  mapped(
    "a value in a path",
    "/a%26admin%3D1%23x/y",
    'fetch: { url: "ECHO/{{ payload.x }}/y" }',
    EVIL,
  ),
  mapped(
    "the same with raw",
    "/?m=a&admin=1",
    'fetch: { url: "ECHO/?m={{ payload.x | raw }}" }',
    EVIL,
  ),
  mapped(
    "a value in a body that is a form",
    "/ m=a%26admin%3D1%23x",
    'fetch: { url: "ECHO/", headers: { content-type: application/x-www-form-urlencoded }, ' +
      'body: "m={{ payload.x }}" }',
    EVIL,
  ),
  mapped(
    "a value in a body that is JSON",
    '/ {"m":"\\",\\"role\\":\\"admin"}',
    'fetch: { url: "ECHO/", headers: { content-type: application/json }, ' +
      `body: '{"m":"{{ payload.quote }}"}' }`,
    EVIL,
  ),
  mapped(
    "typed values in json",
    '/ {"n":5,"on":true,"list":[1,"b"],"text":"5 times"}',
    'fetch: { url: "ECHO/", json: { n: "{{ payload.n }}", on: "{{ payload.on }}", ' +
      'list: "{{ payload.list }}", text: "{{ payload.n }} times" } }',
    EVIL,
  ),
  mapped(
    "a placeholder that a sender wrote, in a follow-up",
    "/?m=%7B%7Btask.id%7D%7D",
    'fetch:\n  url: "ECHO-first"\n  onSuccess: { fetch: { url: "ECHO/?m={{ payload.x }}" } }',
    { x: "{{task.id}}" },
  ),
  {
    id: "F11",
    input: "a mapping that fails, is mended, and is delivered again",
    expected: "failed, then accepted with 1 task, then duplicate",
    async run({ configure, deliver, echo }) {
      const mapping = (value: string) =>
        `hooks:${hook("mended", `fetch: { url: "${echo}/200/mended?m={{ ${value} }}" }`)}`;
      const event = { "x-gitlab-event": "Push Hook", "x-gitlab-event-uuid": "u-1" };
      const send = () => deliver("mended", { there: 1 }, event);
      await configure(mapping("payload.missing"));
      const { verdict } = await send();
      await configure(mapping("payload.there"));
      const again = await send();
      const third = await send();
      return `${verdict}, then ${again.verdict} with ${again.tasks?.length} task, then ` +
        (third.duplicate ? "duplicate" : third.verdict);
    },
  },
  {
    id: "F11",
    input: "a delivery that a filter excluded, after the filter was mended",
    expected: "filtered, then accepted",
    async run({ configure, deliver, echo }) {
      const filtered = (value: number) =>
        `hooks:${
          hook("filtered", `filter: payload.n == ${value}\nfetch: { url: "${echo}/200/f" }`)
        }`;
      await configure(filtered(2));
      const { verdict } = await deliver("filtered", { n: 1 });
      await configure(filtered(1));
      return `${verdict}, then ${(await deliver("filtered", { n: 1 })).verdict}`;
    },
  },
];

/** What `--check` and a reload say of settings. */
function loaded(input: string, expected: string, yaml: string): Case {
  return {
    id: "F12",
    input,
    expected,
    async run({ folder, api }: World) {
      const path = `${folder}/wrong.yaml`;
      await Deno.writeTextFile(path, yaml);
      const checked = startPostrider({
        data: `${folder}/wrong`,
        env: { POSTRIDER_CONFIG: path },
        command: [Deno.execPath(), "run", "-A", `${ROOT}src/main.ts`, "--check"],
      });
      checked.listening.catch(() => {});
      const code = await checked.exit;
      const said = checked.lines.said.join("\n");
      await Deno.writeTextFile(`${folder}/postrider.yaml`, yaml);
      const reload = await fetch(`${api.url}/admin/reload`, { method: "POST" });
      const text = await reload.text();
      const places = [said, text].map((one) => /(?:line |yaml:)(\d+)/i.exec(one)?.[1] ?? one);
      const lines = new Set(places).size === 1 ? `line ${places[0]}` : places.join(" and ");
      return `--check ends with ${code}, reload ${reload.status}: ${lines}`;
    },
  };
}

const LOADED: readonly Case[] = [
  loaded(
    "a hook to tgram://123456:abc/42",
    "--check ends with 78, reload 422: line 2",
    `hooks:\n  a: { preset: gitlab, secret: ${TOKEN}, notify: { to: "tgram://123456:abc/42", text: x } }\n`,
  ),
  loaded(
    "a schedule to 10.0.0.1",
    "--check ends with 78, reload 422: line 2",
    'schedules:\n  a: { every: 1h, fetch: { url: "http://10.0.0.1/x" } }\n',
  ),
  loaded(
    "a hook to a metadata service, with a value in its path",
    "--check ends with 78, reload 422: line 5",
    `hooks:\n  a:\n    preset: gitlab\n    secret: ${TOKEN}\n` +
      '    fetch: { url: "http://169.254.169.254/{{ payload.x }}" }\n',
  ),
  loaded(
    "an alias to a URL with a dotless name",
    "--check ends with 78, reload 422: line 2",
    'aliases:\n  ops: ["json://intranet/x"]\n',
  ),
  loaded(
    "a follow-up of a schedule to a name of a local network",
    "--check ends with 78, reload 422: line 5",
    'schedules:\n  a:\n    every: 1h\n    fetch: { url: "https://example.org/",\n' +
      '      onFailure: { fetch: { url: "http://printer.local/x" } } }\n',
  ),
  loaded(
    "a callback of a hook to a private address",
    "--check ends with 78, reload 422: line 3",
    `hooks:\n  a: { preset: gitlab, secret: ${TOKEN}, fetch: { url: "https://example.org/",\n` +
      '      callback: "http://192.168.0.1/done" } }\n',
  ),
  loaded(
    "a placeholder path in a hook's follow-up that does not exist",
    "--check ends with 78, reload 422: line 3",
    `hooks:\n  a: { preset: gitlab, secret: ${TOKEN}, fetch: { url: "https://example.org/",\n` +
      '      onFailure: { notify: { to: a@example.org, subject: "{{task.eror.code}}" } } } }\n',
  ),
];

function github(secret: string, body: string, id: string, hookId: string): Record<string, string> {
  const signature = createHmac("sha256", secret).update(body).digest("hex");
  return {
    "x-github-event": "push",
    "x-github-delivery": id,
    "x-github-hook-id": hookId,
    "x-hub-signature-256": `sha256=${signature}`,
  };
}

/** The rows of F17 about hooks. */
const IDENTITY: readonly Case[] = [
  {
    id: "F17",
    input: "two events of GitLab with one Event-UUID, and one of them again",
    expected: "accepted, accepted, duplicate",
    async run({ configure, deliver, echo }) {
      await configure(`hooks:${hook("gitlab", `fetch: { url: "${echo}/200/g" }`)}`);
      const uuid = { "x-gitlab-event-uuid": "u-2" };
      const send = (kind: string) =>
        deliver("gitlab", { kind }, { ...uuid, "x-gitlab-event": kind });
      const seen = [await send("Push Hook"), await send("Pipeline Hook"), await send("Push Hook")];
      return seen.map(({ verdict, duplicate }: Any) => duplicate ? "duplicate" : verdict).join(
        ", ",
      );
    },
  },
  {
    id: "F17",
    input: "two webhooks of GitHub with one GUID, and one of them again",
    expected: "accepted, accepted, duplicate",
    async run({ configure, submit, echo }) {
      await configure(
        `hooks:\n  github: { preset: github, secret: ${TOKEN}, fetch: { url: "${echo}/200/h" } }\n`,
      );
      const body = '{"ref":"main"}';
      const seen: Any[] = [];
      for (const hookId of ["1", "2", "1"]) {
        seen.push(await submit("/hooks/github", body, github(TOKEN, body, "g-1", hookId)));
      }
      return seen.map(({ verdict, duplicate }) => duplicate ? "duplicate" : verdict).join(", ");
    },
  },
  {
    id: "F17",
    input: "a wrong token of a hook, and a wrong signature",
    expected: "401 Signature or token rejected, 401 Signature or token rejected",
    async run({ configure, deliver, submit, echo }) {
      const target = `fetch: { url: "${echo}/200/w" }`;
      await configure(
        `hooks:${hook("token", target)}  signed: { preset: github, secret: ${TOKEN}, ${target} }\n`,
      );
      const seen = [
        await deliver("token", {}, { "x-gitlab-token": "wrong" }),
        await submit("/hooks/signed", "{}", github("another secret", "{}", "g-2", "1")),
      ];
      return seen.map(({ status, title }: Any) => `${status} ${title}`).join(", ");
    },
  },
];

/** Rows of F11, F12 and F17. */
export const HOOKS: readonly Case[] = [...MAPPED, ...LOADED, ...IDENTITY];
