import assert from "node:assert/strict";
import { readConfig } from "../../src/config.ts";
import { ConfigFileError, readConfigFile } from "../../src/config/config_file.ts";
import { targetIssues } from "../../src/service/targets.ts";

const SECRET = "a-long-secret";

/** The places of what is wrong, as `line:column pointer`. */
function wrongIn(yaml: string): string[] {
  const settings = readConfig({}, () => "");
  assert.ok(!("wrong" in settings));
  try {
    readConfigFile("x.yaml", () => yaml, (file) => targetIssues(settings.config, file));
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigFileError);
    return error.faults.map(({ line, column, pointer }) => `${line}:${column} ${pointer}`);
  }
}

const hook = (task: string) => `
hooks:
  h:
    preset: github
    secret: ${SECRET}
    ${task}
`;

Deno.test.each([
  {
    yaml: hook('notify: {to: "tgram://123456:abc/42", text: x}'),
    wrong: ["6:18 /hooks/h/notify/to"],
  },
  {
    yaml: hook('fetch: {url: "http://10.0.0.1/{{ payload.x }}"}'),
    wrong: ["6:18 /hooks/h/fetch/url"],
  },
  {
    yaml: hook('tasks: [{notify: {to: "@unknown", subject: "{{ payload.x }}"}}]'),
    wrong: ["6:27 /hooks/h/tasks/0/notify/to"],
  },
  {
    yaml: hook('fetch: {url: "https://example.org/", onSuccess: {notify: {to: "x", text: y}}}'),
    wrong: ["6:67 /hooks/h/fetch/onSuccess/notify/to"],
  },
  {
    yaml: hook('notify: {to: a@example.org, template: none, data: {x: "{{ payload.x }}"}}'),
    wrong: ["6:43 /hooks/h/notify/template"],
  },
  {
    yaml: 'schedules:\n  s: {every: 1h, fetch: {url: "http://10.0.0.1/"}}\n',
    wrong: ["2:31 /schedules/s/fetch/url"],
  },
  {
    yaml: "schedules:\n  s: {every: 1h, notify: {to: x, text: y}}\n",
    wrong: ["2:31 /schedules/s/notify/to"],
  },
  { yaml: 'aliases:\n  ops: [a@example.org, "ntfy://"]\n', wrong: ["2:24 /aliases/ops/1"] },
  { yaml: 'aliases:\n  ops: ["json://intranet/x"]\n', wrong: ["2:9 /aliases/ops/0"] },
  {
    yaml: 'channels:\n  pager: {url: "http://10.0.0.1/{{ target.path }}", body: "{{ text }}"}\n',
    wrong: ["2:16 /channels/pager/url"],
  },
])("a target that can never work is refused with its place: $wrong", ({ yaml, wrong }) => {
  assert.deepEqual(wrongIn(yaml), wrong);
});

Deno.test.each([
  'notify: {to: "{{ payload.email }}", subject: "{{ payload.x }}", text: x}',
  'notify: {to: ["ada@example.org", "{{ payload.email }}"], text: "{{ payload.x }}"}',
  'notify: {to: "tgram://123456789:AAabcdefghijklmnopqrstuvwxyz0123456/{{ payload.chat }}", text: x}',
  'fetch: {url: "{{ payload.url }}"}',
  'fetch: {url: "https://{{ payload.host }}/x"}',
  'fetch: {url: "https://example.org/?{{ payload.x }}", priority: "{{ payload.p }}"}',
  'fetch: {url: "https://example.org/", timeout: "{{ payload.t }}", tags: "{{ payload.tags }}"}',
  'fetch: {url: "https://example.org/", json: "{{ payload }}", method: POST}',
  'fetch: {url: "https://example.org/", onFailure: {notify: {to: "{{ payload.m }}", text: "{{task.id}}"}}}',
])("a target that depends on the payload is taken: %s", (task) => {
  assert.deepEqual(wrongIn(hook(task)), []);
});
