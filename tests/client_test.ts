import assert from "node:assert/strict";
import { type Client, openClient, PostriderError } from "../src/client.ts";
import { parseApiKeys } from "../src/http/auth/auth.ts";
import { Api } from "./support/api.ts";

function clientOf(api: Api, key?: string): Client {
  const send = (input: string | URL | Request, init?: RequestInit) =>
    api.raw(String(input).replace("http://here", ""), init);
  return openClient({
    url: "http://here/",
    fetch: send as typeof fetch,
    ...(key === undefined ? {} : { key }),
  });
}

Deno.test("a client submits, reads, waits, cancels, retries and runs", async () => {
  await using api = await Api.open();
  const client = clientOf(api);
  const task = await client.fetch({ url: "https://example.org/", delay: "1h", tags: ["x"] });
  assert.equal(task.state, "queued");
  assert.equal((await client.task(task.id)).id, task.id);
  assert.deepEqual((await client.tasks({ tag: "x", limit: 1 })).data.map(({ id }) => id), [
    task.id,
  ]);
  assert.equal((await client.cancel(task.id)).state, "cancelled");
  assert.deepEqual(await client.retryAll({ tag: "x" }), { retried: 1, expired: 0 });
  const pause = await client.pause({ host: "example.org", reason: "maintenance" });
  assert.deepEqual(await client.pauses(), [pause]);
  assert.deepEqual(await client.resume(pause.id), pause);
  assert.equal(await client.releaseHolds("example.org"), 0);
  await assert.rejects(client.erase((await client.fetch({ url: "https://example.org/" })).id), {
    code: "not_final",
  });
  assert.deepEqual(await client.cancelAll({ tag: "x" }), { cancelled: 1, aborting: 0 });
  assert.equal((await client.retry(task.id)).state, "queued");
  await client.run(task.id);
  const waited = client.wait(task.id);
  await api.finish();
  assert.equal((await waited).state, "succeeded");
  assert.equal((await client.status()).counts.succeeded, 1);
});

Deno.test("a client reads the results of a batch as they become final", async () => {
  await using api = await Api.open();
  const client = clientOf(api);
  const batch = await client.fetchMany({ urls: ["https://a.example/", "https://b.example/"] });
  assert.equal(batch.total, 2);
  const results = client.results(batch.id)[Symbol.asyncIterator]();
  const [first] = await api.finish(1);
  assert.equal((await results.next()).value?.id, first);
  await api.finish(1);
  assert.equal((await results.next()).value?.state, "succeeded");
  assert.equal((await results.next()).done, true);
  assert.equal((await client.batch(batch.id)).done, true);
});

Deno.test("a client reads the events of a task until its end", async () => {
  await using api = await Api.open();
  const client = clientOf(api);
  const { id } = await client.notify({ to: "ada@example.org", subject: "s", text: "t" });
  const states: string[] = [];
  for await (const { state } of client.events(id)) {
    if (state === "queued") await api.finish();
    states.push(state);
  }
  assert.deepEqual(states, ["queued", "running", "succeeded"]);
});

Deno.test("the same Idempotency-Key returns the same task", async () => {
  await using api = await Api.open();
  const client = clientOf(api);
  const submit = () => client.fetch({ url: "https://example.org/" }, { idempotencyKey: "k" });
  assert.equal((await submit()).id, (await submit()).id);
});

Deno.test("a refused call rejects with a PostriderError that has a code and a message", async () => {
  await using api = await Api.open({ keys: parseApiKeys("a:s"), anonymous: "refused" });
  await assert.rejects(clientOf(api).status(), (error) => {
    assert.ok(error instanceof PostriderError);
    assert.equal(error.code, "unauthorized");
    assert.equal(error.problem.status, 401);
    return true;
  });
  await assert.rejects(clientOf(api, "s").fetch({ url: "nonsense" }), (error) => {
    assert.ok(error instanceof PostriderError);
    assert.equal(error.code, "invalid");
    assert.equal(error.problem.errors?.[0]?.pointer, "/url");
    assert.match(error.message, /Expected an absolute http/);
    return true;
  });
});

Deno.test("an answer that is not a problem document rejects with its status", async () => {
  const answer = () => Promise.resolve(new Response("<h1>Bad gateway</h1>", { status: 502 }));
  await assert.rejects(openClient({ fetch: answer as typeof fetch }).status(), {
    code: "http_502",
  });
});

Deno.test("an answer that is no JSON rejects with the URL and what was expected", async () => {
  const headers = { "content-type": "text/html" };
  const answer = () => Promise.resolve(new Response("<h1>Welcome</h1>", { headers }));
  const client = openClient({ url: "http://here/", fetch: answer as typeof fetch });
  await assert.rejects(client.status(), {
    code: "unexpected_response",
    message: "Cannot read the response of http://here: expected JSON from Postrider, got text/html",
  });
});

Deno.test("an answer that breaks off rejects with unreachable, a stream of lines too", async () => {
  const broken = () =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"a":'));
        controller.error(new TypeError("connection reset"));
      },
    });
  const answer = () => Promise.resolve(new Response(broken()));
  const client = openClient({ url: "http://here/", fetch: answer as typeof fetch });
  const expected = {
    code: "unreachable",
    message: /^Cannot reach http:\/\/here: connection reset/,
  };
  await assert.rejects(client.status(), expected);
  await assert.rejects(client.results("bat_1")[Symbol.asyncIterator]().next(), expected);
});

Deno.test("an unreachable service rejects with unreachable, an aborted call with AbortError", async () => {
  const client = openClient({ url: "http://127.0.0.1:1" });
  await assert.rejects(client.status(), { code: "unreachable" });
  await assert.rejects(client.status({ signal: AbortSignal.abort() }), { name: "AbortError" });
});

Deno.test("an unreachable service names the reason, and the error carries its cause", async () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:9"), {
    code: "ECONNREFUSED",
  });
  const causes = [
    {
      cause: new TypeError("fetch failed", { cause: refused }),
      says: /fetch failed: connect ECONN/,
    },
    {
      // As Node reports a name with several addresses.
      cause: new TypeError("fetch failed", {
        cause: Object.assign(new AggregateError([refused], ""), { code: "ECONNREFUSED" }),
      }),
      says: /fetch failed: AggregateError \(ECONNREFUSED\): connect ECONNREFUSED 127/,
    },
    { cause: "odd", says: /Cannot reach http:\/\/127.0.0.1:8000: odd/ },
  ];
  for (const { cause, says } of causes) {
    const client = openClient({ fetch: () => Promise.reject(cause) });
    await assert.rejects(client.status(), (error) => {
      assert.ok(error instanceof PostriderError);
      assert.equal(error.cause, cause);
      assert.match(error.message, says);
      return true;
    });
  }
});

Deno.test("a real refusal, an unknown name and an untrusted certificate are named", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const reasons = [
    { url: `http://127.0.0.1:${port}`, says: /refused/i },
    { url: "http://no.such.name.example.com", says: /dns|resolve|lookup|ENOTFOUND/i },
  ];
  for (const { url, says } of reasons) {
    await assert.rejects(openClient({ url }).status(), { code: "unreachable", message: says });
  }
});

Deno.test("wait() goes on after a proxy's timeout, and gives up when there is nothing else", async () => {
  const answers = [504, 200, 502, 504, 502, 504, 200];
  const asked: string[] = [];
  const send = (input: string | URL | Request) => {
    asked.push(String(input));
    const status = answers.shift() ?? 504;
    const done = answers.length === 0 ? { finishedAt: "now" } : {};
    return Promise.resolve(Response.json({ id: "t", ...done }, { status }));
  };
  const client = openClient({ fetch: send as typeof fetch });
  assert.equal((await client.wait("t")).finishedAt, "now");
  assert.equal(asked.length, 7);
  assert.ok(asked.every((url) => url.endsWith("/tasks/t?wait=50s")));
  answers.push(...Array(9).fill(504));
  await assert.rejects(client.wait("t"), { code: "http_504" });
});

Deno.test("events() ends when its signal aborts, also while it waits", async () => {
  const body = () => new ReadableStream({ pull: () => new Promise(() => {}) });
  const client = openClient({
    fetch: (() => Promise.resolve(new Response(body()))) as typeof fetch,
  });
  const aborter = new AbortController();
  const next = client.events(undefined, { signal: aborter.signal })[Symbol.asyncIterator]().next();
  await new Promise((resolve) => setTimeout(resolve));
  aborter.abort();
  await assert.rejects(next, { name: "AbortError" });
});
