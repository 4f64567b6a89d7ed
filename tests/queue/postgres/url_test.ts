import assert from "node:assert/strict";
import { parseQueueUrl, shownQueueUrl } from "../../../src/queue/open.ts";

Deno.test("a PostgreSQL URL is read with its defaults", () => {
  assert.deepEqual(parseQueueUrl("postgres://ada:s%40%2F%3A%20e@db.example.org"), {
    kind: "postgres",
    host: "db.example.org",
    port: 5432,
    user: "ada",
    password: "s@/: e",
    database: "ada",
    schema: "postrider",
    sslMode: "prefer",
    wake: "listen",
    prepare: true,
  });
});

Deno.test("a PostgreSQL URL is read with all that it may have", () => {
  const url =
    "postgresql://ada@[::1]:6432/queue?schema=q_1&sslmode=verify-full&wake=poll&prepare=false";
  assert.deepEqual(parseQueueUrl(url), {
    kind: "postgres",
    host: "::1",
    port: 6432,
    user: "ada",
    database: "queue",
    schema: "q_1",
    sslMode: "verify-full",
    wake: "poll",
    prepare: false,
  });
});

Deno.test.each([
  { url: "postgres://:hunter2@db/x", says: "it has no user" },
  { url: "postgres://ada:hunter2@db/x?schma=y", says: 'got "schma"' },
  { url: "postgres://ada:hunter2@db/x?schema=Bad-Name", says: 'got "Bad-Name"' },
  { url: "postgres://ada:hunter2@db/x?sslmode=on", says: 'got "on"' },
  { url: "postgres://ada:hunter2/", says: "special characters encoded" },
  { url: "postgres://ada:hunter2%zz@db/x", says: "special characters encoded" },
])("$url is refused, and its password is not shown", ({ url, says }) => {
  assert.throws(() => parseQueueUrl(url), (error: Error) => {
    assert.equal(error.name, "RangeError");
    assert.ok(error.message.includes(says), error.message);
    assert.ok(!error.message.includes("hunter2"), error.message);
    return true;
  });
});

Deno.test("logs show where the queue is, and neither user nor password", () => {
  const shown = shownQueueUrl("postgres://ada:hunter2@db.example.org/queue");
  assert.equal(shown, "postgres://db.example.org:5432/queue?schema=postrider");
});
