/**
 * Batches of many URLs as a caller sees them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { linesOf } from "../support/lines.ts";
import { needs } from "../support/needs.ts";
import { aFolder, ROOT, startPostrider, type TaskView } from "../support/process.ts";
import { startUpstream } from "../support/upstream.ts";
import { runInTerminal, startFiles, withoutService } from "../support/terminal.ts";
import { openSite, PICTURES } from "../site/site.ts";

/** The tasks of an NDJSON response. */
async function* tasksOf(
  response: Response,
): AsyncGenerator<TaskView & { payload: { url: string } }> {
  let rest = "";
  for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const lines = (rest + part).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") yield JSON.parse(line);
  }
}

Deno.test("1,000 URLs are fetched in one call, and lines arrive before the last URL is fetched", async () => {
  await using upstream = startUpstream();
  await using data = await aFolder();
  await using service = startPostrider({ data: data.path, env: upstream.env });
  const { url } = await service.listening;
  const urls = Array.from({ length: 999 }, (_, i) => `${upstream.url}/quick/${i}`);
  const response = await fetch(`${url}/fetch`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/x-ndjson" },
    body: JSON.stringify({ urls: [`${upstream.url}/hold`, ...urls], concurrency: 50 }),
  });
  assert.equal(response.status, 200);
  assert.match(response.headers.get("location") ?? "", /^\/batches\/bat_/);
  const seen = new Set<string>();
  for await (const task of tasksOf(response)) {
    assert.equal(task.state, "succeeded");
    seen.add(task.payload.url);
    // The held one is released once all others have arrived.
    if (seen.size === 999) {
      assert.ok(!seen.has(`${upstream.url}/hold`));
      upstream.release();
    }
  }
  assert.equal(seen.size, 1_000);
});

Deno.test("one slow host among a hundred does not delay the others", async () => {
  await using slow = startUpstream();
  const quick = Array.from({ length: 99 }, () => startUpstream());
  await using data = await aFolder();
  const env = { POSTRIDER_FETCH_ALLOW: "127.0.0.1" };
  await using service = startPostrider({ data: data.path, env });
  const { url } = await service.listening;
  const urls = [
    ...Array.from({ length: 100 }, (_, i) => `${slow.url}/hold/${i}`),
    ...quick.map((upstream) => `${upstream.url}/`),
  ];
  const response = await fetch(`${url}/fetch`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/x-ndjson" },
    body: JSON.stringify({ urls }),
  });
  let count = 0;
  for await (const task of tasksOf(response)) {
    count++;
    const isSlow = task.payload.url.startsWith(slow.url);
    assert.equal(isSlow, count > 99, `${task.payload.url} came as number ${count}`);
    if (count === 99) slow.release();
  }
  assert.equal(count, 199);
  await Promise.all(quick.map((upstream) => upstream[Symbol.asyncDispose]()));
});

Deno.test("a 429 with Retry-After: 2 holds all tasks of its host for 2 seconds", async () => {
  const begun: number[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    begun.push(performance.now());
    return begun.length === 1
      ? new Response(null, { status: 429, headers: { "retry-after": "2" } })
      : new Response("fine");
  });
  await using data = await aFolder();
  const host = `127.0.0.1:${server.addr.port}`;
  await using service = startPostrider({ data: data.path, env: { POSTRIDER_FETCH_ALLOW: host } });
  const api = await service.listening;
  const first = await api.call<TaskView>("/fetch", { url: `http://${host}/` });
  while ((await api.call<TaskView>(`/tasks/${first.body.id}`)).body.error === undefined);
  const later = await api.call<{ id: string }>("/fetch", {
    urls: Array.from({ length: 20 }, (_, i) => `http://${host}/${i}`),
  });
  await api.call(`/batches/${later.body.id}?wait=20s`);
  await api.final(first.body.id);
  assert.equal(begun.length, 22);
  const waits = begun.slice(1).map((at) => (at - (begun[0] ?? 0)) / 1_000);
  const earliest = Math.min(...waits);
  const line = `Retry-After: 2 was kept for ${earliest.toFixed(3)} s\n`;
  Deno.stdout.writeSync(new TextEncoder().encode(line));
  assert.ok(earliest >= 2, line);
  await server.shutdown();
});

Deno.test("deno task fetch saves 50 pictures and prints a line for each", async () => {
  await using site = openSite();
  await using data = await aFolder();
  const urls = Array.from({ length: PICTURES }, (_, i) => `http://${site.host}/album/${i + 1}.png`);
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "src/cli/fetch.ts", ...urls, "--save"],
    cwd: ROOT,
    env: {
      POSTRIDER_URL: "",
      POSTRIDER_PORT: "1",
      POSTRIDER_FETCH_ALLOW: site.host,
      POSTRIDER_DOWNLOADS: data.path,
    },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const lines = linesOf(process.stdout, process.stderr);
  assert.equal((await process.status).code, 0);
  await lines.ended;
  const pictures = [...Deno.readDirSync(data.path)].flatMap(({ name }) =>
    [...Deno.readDirSync(`${data.path}/${name}`)].map((file) => file.name)
  );
  const names = urls.map((url) => url.split("/").pop() ?? "");
  assert.deepEqual(pictures.sort(), names.sort());
});

Deno.test({
  name:
    "in a terminal, deno task fetch draws a bar during a download and prints a line when it is saved",
  ...needs("script"),
  async fn() {
    const half = new Uint8Array(2 ** 20);
    const released = Promise.withResolvers<void>();
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
      const body = new ReadableStream({
        async pull(controller) {
          controller.enqueue(half);
          await released.promise;
          controller.enqueue(half);
          controller.close();
        },
      }, { highWaterMark: 0 });
      return new Response(body, { headers: { "content-length": `${2 * half.length}` } });
    });
    await using data = await aFolder();
    const host = `127.0.0.1:${server.addr.port}`;
    const typed = `${Deno.execPath()} run -A src/cli/fetch.ts http://${host}/big.bin --save`;
    const { code, seen } = await runInTerminal(
      typed,
      { ...withoutService(host), POSTRIDER_DOWNLOADS: data.path },
      (seen) => {
        if (/big\.bin +█{5}░{5} +50% +1\.0 MiB\/2\.0 MiB +[\d.]+ .?i?B\/s/.test(seen)) {
          released.resolve();
        }
      },
    );
    assert.equal(code, 0, seen);
    assert.match(seen, /200 +2\.0 MiB +[\d.]+ s {2}http.*big\.bin {2}-> .*big\.bin/);
    await server.shutdown();
  },
});

Deno.test({
  name: "in a terminal of 80 columns, deno task fetch of five URLs ends and shows each name",
  ...needs("script"),
  async fn() {
    await using files = startFiles();
    await using data = await aFolder();
    const names = ["slow-1", "slow-2", "3", "4", "5"];
    const urls = names.map((name) => `http://${files.host}/${name}?${"long=yes&".repeat(5)}`);
    const typed = `${Deno.execPath()} run -A src/cli/fetch.ts ${
      urls.map((url) => `'${url}'`).join(" ")
    } --save`;
    const { code, seen } = await runInTerminal(
      typed,
      { ...withoutService(files.host), POSTRIDER_DOWNLOADS: data.path },
      (seen) => {
        if (/slow-1.*50%/.test(seen) && /slow-2.*50%/.test(seen)) files.release();
      },
    );
    assert.equal(code, 0, seen);
    for (const name of names) assert.ok(seen.includes(`200    2.0 MiB`) && seen.includes(name));
    // deno-lint-ignore no-control-regex -- what moves the cursor takes no column
    const lines = seen.replace(/\x1b\[\w+/g, "").split(/\r?\n/).filter((line) => /%/.test(line));
    assert.ok(lines.length > 0 && lines.every((line) => line.length < 80), lines.join("\n"));
  },
});

Deno.test("deno task fetch --into continues after Ctrl+C where it was", async () => {
  await using files = startFiles();
  await using folder = await aFolder();
  const into = `${folder.path}/files`;
  const run = () => {
    const urls = ["slow-1", "slow-2", "quick"].map((name) => `http://${files.host}/${name}`);
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "src/cli/fetch.ts", ...urls, "--into", into],
      cwd: ROOT,
      env: withoutService(files.host),
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    return { process, lines: linesOf(process.stdout, process.stderr) };
  };
  const first = run();
  await first.lines.find(/quick/);
  await files.stopped;
  first.process.kill("SIGINT");
  assert.equal((await first.process.status).code, 130);
  await first.lines.ended;
  assert.deepEqual(files.ranges, [null, null, null]);
  files.release();
  const second = run();
  assert.equal((await second.process.status).code, 0);
  await second.lines.ended;
  assert.equal(files.ranges.length, 5, "the finished file is not fetched again");
  assert.ok(files.ranges.slice(3).every((range) => /^bytes=\d+-$/.test(range ?? "")));
  const names = [...Deno.readDirSync(into)].map(({ name }) => name);
  assert.deepEqual(names.sort(), ["quick", "slow-1", "slow-2"]);
  for (const name of names) {
    const saved = await Deno.readFile(`${into}/${name}`);
    assert.ok(saved.length === 2 ** 21 && saved.every((byte) => byte === 7), name);
  }
});

Deno.test("a breaker holds a host after ten lost connections, then probes it with one request", async () => {
  const hostile = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = hostile.addr as Deno.NetAddr;
  const hangUps = (async () => {
    let count = 0;
    for await (const connection of hostile) {
      connection.close();
      if (++count === 10) return;
    }
  })();
  const host = `127.0.0.1:${port}`;
  await using data = await aFolder();
  await using service = startPostrider({ data: data.path, env: { POSTRIDER_FETCH_ALLOW: host } });
  const api = await service.listening;
  const urls = Array.from({ length: 10 }, (_, i) => `http://${host}/${i}`);
  const { body: batch } = await api.call<{ id: string; tasks: { id: string }[] }>("/fetch", {
    urls,
    retry: "10ms*20",
  });
  await hangUps;
  let held: { heldUntil?: string; reason?: string; limit?: number } | undefined;
  while (held?.heldUntil === undefined) {
    const { body } = await api.call<{ hosts: { lane: string; heldUntil?: string }[] }>("/status");
    held = body.hosts.find(({ lane }) => lane === `http://${host}`);
  }
  assert.match(held.reason ?? "", /^breaker: 10 network faults in a row, the last connection_/);
  let waits: string | undefined;
  while (waits === undefined) {
    const { body } = await api.call<{ waitingFor?: string }>(`/tasks/${batch.tasks[0]?.id}`);
    waits = body.waitingFor;
  }
  assert.match(waits, /which is held until .*breaker/);

  const probe = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  let asked = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, async () => {
    asked++;
    probe.resolve();
    await answered.promise;
    return new Response("back");
  });
  await probe.promise;
  assert.ok(Date.now() >= Date.parse(held.heldUntil), "not before the breaker's time");
  const { body } = await api.call<{ running: number }>("/status");
  assert.deepEqual(
    { running: body.running, asked },
    { running: 1, asked: 1 },
    "one request probes",
  );
  answered.resolve();
  const done = await api.call<{ counts: { succeeded: number } }>(`/batches/${batch.id}?wait=30s`);
  assert.equal(done.body.counts.succeeded, 10);
  await server.shutdown();
});
