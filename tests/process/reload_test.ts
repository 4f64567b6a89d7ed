import assert from "node:assert/strict";
import { SMTPServer } from "smtp-server";
import { aFolder, startPostrider } from "../support/process.ts";

/** A relay that keeps the subjects of its mails. */
async function aRelay(): Promise<{ port: number; subjects: string[] } & AsyncDisposable> {
  const subjects: string[] = [];
  const server = new SMTPServer({
    name: "relay.test",
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onData(stream, _session, done) {
      new Response(ReadableStream.from(stream) as ReadableStream<Uint8Array>).text().then(
        (mail) => {
          subjects.push(/^Subject: (.*)\r$/m.exec(mail)?.[1] ?? "");
          done();
        },
      );
    },
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.server.address() as { port: number };
  return {
    port,
    subjects,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** Calls with a key. */
async function call(url: string, key: string, method = "GET", json?: unknown) {
  const response = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(json === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  return { status: response.status, body: await response.json() };
}

Deno.test("keys are rotated under load: no valid one is refused, and the old one ends", async () => {
  await using data = await aFolder();
  const keys = `${data.path}/keys`;
  const write = (...lines: string[]) => Deno.writeTextFile(keys, `${lines.join("\n")}\n`);
  await write("# rotated every month", "web:old-secret", "root:root-secret:admin");
  const env = { POSTRIDER_API_KEYS_FILE: keys };
  await using service = startPostrider({ data: data.path, env });
  const { url } = await service.listening;
  const reload = () => call(`${url}/admin/reload`, "root-secret", "POST");
  let key = "old-secret";
  let isOver = false;
  const refused: number[] = [];
  const load = async () => {
    while (!isOver) {
      const used = key;
      const { status } = await call(`${url}/tasks?limit=1`, used);
      if (status !== 200 && used === key) refused.push(status);
    }
  };
  const loads = [load(), load(), load()];
  await write("web:old-secret", "web:new-secret", "root:root-secret:admin");
  const both = await reload();
  assert.deepEqual(both, {
    status: 200,
    body: {
      reloaded: true,
      applied: ["templates", "POSTRIDER_API_KEYS"],
      needsRestart: [],
    },
  });
  assert.equal((await call(`${url}/tasks`, "old-secret")).status, 200);
  key = "new-secret";
  await write("web:new-secret", "root:root-secret:admin");
  service.kill("SIGHUP");
  await service.lines.find(/Settings reloaded/);
  for (let left = 100;; left--) {
    if ((await call(`${url}/tasks`, "old-secret")).status === 401) break;
    assert.ok(left > 0, "the old secret is still accepted");
  }
  isOver = true;
  await Promise.all(loads);
  assert.deepEqual(refused, []);
  await write("web:new-secret", "root:root-secret:admin", "no key");
  const wrong = await reload();
  assert.equal(wrong.status, 422);
  assert.match(wrong.body.detail, /POSTRIDER_API_KEYS.*API key 3/);
  assert.doesNotMatch(JSON.stringify(wrong.body), /new-secret|no key/);
  assert.equal((await call(`${url}/tasks`, "new-secret")).status, 200);
});

Deno.test("a reload puts relays in force, and says what needs a restart", async () => {
  await using data = await aFolder();
  await using first = await aRelay();
  await using second = await aRelay();
  const file = `${data.path}/postrider.yaml`;
  const from = `${data.path}/from`;
  const write = (port: number) =>
    Deno.writeTextFile(file, `relays:\n  - url: smtp://127.0.0.1:${port}?tls=none\n`);
  await write(first.port);
  await Deno.writeTextFile(from, "one@example.org");
  const env = { POSTRIDER_CONFIG: file, POSTRIDER_MAIL_FROM_FILE: from };
  await using service = startPostrider({ data: data.path, env });
  const api = await service.listening;
  const mail = async (subject: string) => {
    const { body } = await api.call<{ id: string }>("/notify", {
      to: "ada@example.org",
      subject,
      text: "Hello",
    });
    const { state, error } = await api.final(body.id);
    assert.equal(state, "succeeded", JSON.stringify(error));
  };
  await mail("One");
  await write(second.port);
  await Deno.writeTextFile(from, "two@example.org");
  const { body } = await api.call("/admin/reload", {});
  assert.deepEqual(body, {
    reloaded: true,
    applied: ["templates", "relays"],
    needsRestart: ["POSTRIDER_MAIL_FROM"],
  });
  await mail("Two");
  assert.deepEqual([first.subjects, second.subjects], [["One"], ["Two"]]);
});

Deno.test("a reload with anything wrong applies nothing, reports all of it, and the service goes on", async () => {
  await using data = await aFolder();
  const { path } = data;
  const write = (name: string, text: string) => Deno.writeTextFile(`${path}/${name}`, text);
  const certificates = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
  await Deno.mkdir(`${path}/templates`);
  await write("templates/hello.txt.liquid", "---\nsubject: One\n---\nx");
  await write("ca.pem", certificates);
  await write("postrider.yaml", "aliases: {ops: [ada@example.org]}\n");
  await write("keys", "web:old-secret\nroot:root-secret:admin\n");
  const env = {
    POSTRIDER_API_KEYS_FILE: `${path}/keys`,
    POSTRIDER_CONFIG: `${path}/postrider.yaml`,
    POSTRIDER_TEMPLATES: `${path}/templates`,
    POSTRIDER_CA_FILE: `${path}/ca.pem`,
  };
  await using service = startPostrider({ data: path, env });
  const { url } = await service.listening;
  const reload = () => call(`${url}/admin/reload`, "root-secret", "POST");
  const subject = async () => {
    const mail = { to: "@ops", template: "hello" };
    const { body } = await call(`${url}/notify?dryRun=true`, "old-secret", "POST", mail);
    return JSON.stringify(body).match(/One|Two/)?.[0];
  };
  assert.equal(await subject(), "One");
  await write("templates/hello.txt.liquid", "---\nsubject: Two\n---\nx");
  await write("postrider.yaml", "aliases: {ops: [none]}\nhosts: 3\n");
  await write("keys", "no key\n");
  await Deno.remove(`${path}/ca.pem`);
  const { status, body } = await reload();
  assert.equal(status, 422);
  const text = JSON.stringify(body.errors);
  for (const part of [/API_KEYS/, /aliases\/ops/, /hosts/]) assert.match(text, part);
  assert.equal(await subject(), "One");
  await write("postrider.yaml", "aliases: {ops: [ada@example.org]}\n");
  await write("keys", "web:old-secret\nroot:root-secret:admin\n");
  const withoutCa = await reload();
  assert.deepEqual([withoutCa.status, /ca\.pem/.test(withoutCa.body.detail)], [422, true]);
  // A fault that no reload before has logged, so that its line is of this one.
  await write("postrider.yaml", "aliases: {ops: [ada@example.org]}\nschedules: 3\n");
  service.kill("SIGHUP");
  await service.lines.find(/"Settings not reloaded: they are invalid".*schedules/);
  await write("postrider.yaml", "aliases: {ops: [ada@example.org]}\n");
  assert.equal(await subject(), "One");
  await write("ca.pem", `${certificates}${certificates}`);
  assert.deepEqual((await reload()).body.applied, ["templates", "POSTRIDER_CA_FILE"]);
  assert.equal(await subject(), "Two");
  await write("templates/bad.txt.liquid", "{% if x %}");
  await write("postrider.yaml", 'aliases: {ops: ["nowhere://x"]}\n');
  const { body: { errors } } = await reload();
  const places = errors.map(({ pointer, detail }: { pointer: string; detail: string }) =>
    pointer || detail.replace(/:.*/s, "")
  );
  assert.deepEqual(places, ["bad.txt.liquid", "/aliases/ops/0"]);
});
