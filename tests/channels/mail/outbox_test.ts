import assert from "node:assert/strict";
import { systemClock } from "../../../src/lib/clock.ts";
import { openOutbox } from "../../../src/channels/mail/outbox.ts";
import { listOutbox, readOutbox } from "../../../src/channels/mail/outbox_reader.ts";
import { aContext, anAttempt, anEmail } from "../support/attempts.ts";

async function setup() {
  const root = await Deno.makeTempDir();
  const directory = `${root}/deep/outbox`;
  return {
    directory,
    outbox: openOutbox({ kind: "outbox", lane: "outbox", directory }, { clock: systemClock }),
    names: async () => (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name),
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

Deno.test("The outbox writes a mail to a file named for its task", async () => {
  await using world = await setup();
  const attempt = anAttempt(anEmail({ bcc: [{ address: "eve@example.org" }] }));
  const outcome = await world.outbox.deliver(attempt, aContext());
  const reply = `written to ${attempt.taskId}.eml`;
  assert.equal(outcome.kind, "delivered");
  assert.deepEqual(outcome.result, {
    messageId: `<${attempt.taskId}@example.org>`,
    relay: "outbox",
    recipients: [
      { address: "bob@example.org", outcome: "delivered", reply },
      { address: "eve@example.org", outcome: "delivered", reply },
    ],
  });
  assert.deepEqual(await world.names(), [`${attempt.taskId}.eml`]);
  const bytes = await readOutbox(world.directory, attempt.taskId);
  assert.match(new TextDecoder().decode(bytes), /^Subject: Hello\r$/m);
  const { mode } = await Deno.stat(`${world.directory}/${attempt.taskId}.eml`);
  assert.equal((mode ?? 0) & 0o077, 0, "others may not read it");
});

Deno.test("A second attempt leaves one file with the same bytes, also after a crash", async () => {
  await using world = await setup();
  const attempt = anAttempt(anEmail({ html: "<p>Hello</p>" }), { createdAt: Date.now() });
  await world.outbox.deliver(attempt, aContext());
  const first = await readOutbox(world.directory, attempt.taskId);
  await world.outbox.deliver({ ...attempt, number: 2 }, aContext());
  assert.deepEqual(await readOutbox(world.directory, attempt.taskId), first);
  assert.equal((await world.names()).length, 1);
});

Deno.test("A mail that was cut off before it was written is deferred", async () => {
  await using world = await setup();
  const context = aContext();
  context.abort("cancelled");
  const outcome = await world.outbox.deliver(anAttempt(anEmail()), context);
  assert.equal(outcome.kind, "deferred");
  assert.deepEqual(await listOutbox(world.directory, 10), []);
});

Deno.test("A directory that cannot be made defers the mail and keeps the path to itself", async () => {
  const outbox = openOutbox({ kind: "outbox", lane: "outbox", directory: "/dev/null/outbox" }, {
    clock: systemClock,
  });
  const outcome = await outbox.deliver(anAttempt(anEmail()), aContext());
  assert.ok(outcome.kind === "deferred");
  assert.equal(outcome.error.code, "outbox_failed");
  assert.doesNotMatch(outcome.error.detail, /dev/);
});

Deno.test("listOutbox() gives the newest first, with its headers decoded", async () => {
  await using world = await setup();
  const subjects = ["one", "Grüße an alle, die diese lange Zeile lesen wollen 🚲🚲🚲🚲🚲", "three"];
  const ids = [];
  for (const subject of subjects) {
    const attempt = anAttempt(anEmail({ subject, from: { name: "Zoë", address: "z@b.org" } }));
    ids.unshift(attempt.taskId);
    await world.outbox.deliver(attempt, aContext());
  }
  await Deno.writeTextFile(`${world.directory}/notes.eml`, "not ours");
  const entries = await listOutbox(world.directory, 2);
  assert.deepEqual(entries.map(({ id }) => id), ids.slice(0, 2));
  assert.deepEqual(entries.map(({ subject }) => subject), subjects.toReversed().slice(0, 2));
  assert.equal(entries[0]?.from, "Zoë <z@b.org>");
  assert.equal(entries[0]?.to, "bob@example.org");
});

Deno.test.each([{ id: "../../etc/passwd" }, { id: "tsk_1" }, { id: "" }])(
  'readOutbox() reads nothing for "$id"',
  async ({ id }) => {
    await using world = await setup();
    assert.equal(await readOutbox(world.directory, id), undefined);
  },
);

Deno.test("a mail that cannot be written leaves no part of it, and says why", async () => {
  const directory = await Deno.makeTempDir();
  // A folder in the place of the file: the mail is written, and cannot be renamed.
  const attempt = anAttempt(anEmail());
  await Deno.mkdir(`${directory}/${attempt.taskId}.eml/x`, { recursive: true });
  const outbox = openOutbox({ kind: "outbox", lane: "outbox", directory }, { clock: systemClock });
  const outcome = await outbox.deliver(attempt, aContext());
  assert.ok(outcome.kind === "deferred");
  assert.match(outcome.error.detail, /^Cannot write tsk_\w+\.eml: \S/);
  const names = [...Deno.readDirSync(directory)].map(({ name }) => name);
  assert.deepEqual(names, [`${attempt.taskId}.eml`]);
  await Deno.remove(directory, { recursive: true });
});
