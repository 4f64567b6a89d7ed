import assert from "node:assert/strict";
import { aFolder, START, startPostrider } from "../support/process.ts";

/** 350 MB. */
const MAX_MIB = 333;

Deno.test("A file of 20 MiB arrives as it was, and takes a few times its size", async () => {
  await using folder = await aFolder();
  await using service = startPostrider({ data: folder.path, command: START });
  const api = await service.listening;
  const before = residentMiB(service.pid);
  const file = new Uint8Array(20 * 2 ** 20);
  for (let at = 0; at < file.length; at += 65_536) {
    crypto.getRandomValues(file.subarray(at, at + 65_536));
  }
  const content = file.toBase64();
  let peak = 0;
  const watching = setInterval(() => peak = Math.max(peak, residentMiB(service.pid)), 20);
  const { status, body: task } = await api.call<{
    id: string;
    payload: { attachments: { size?: number; bytes?: number }[] };
  }>("/notify", {
    to: "ada@example.org",
    subject: "A file",
    text: "Here it is",
    attachments: [{ filename: "a.bin", content }, { filename: "b.txt", content: "eHh4" }],
  });
  assert.equal(status, 202);
  assert.equal((await api.final(task.id)).state, "succeeded");
  clearInterval(watching);
  const mail = await Deno.readTextFile(`${folder.path}/outbox/${task.id}.eml`);
  const lines = mail.split("\r\n");
  const start = lines.findIndex((line) => line.startsWith(content.slice(0, 60)));
  const length = Math.ceil(content.length / 76);
  assert.ok(lines.slice(start, start + length).join("") === content);
  assert.match(lines[start + length] ?? "", /^--/);
  assert.ok(mail.includes("\r\neHh4\r\n"));
  const { body: shown } = await api.call<{ payload: { attachments: Record<string, unknown>[] } }>(
    `/tasks/${task.id}`,
  );
  assert.deepEqual(shown.payload.attachments, task.payload.attachments);
  assert.ok(JSON.stringify(shown).includes(String(file.length)), JSON.stringify(shown.payload));
  // It was five times as much: the text of the file was copied by each step.
  assert.ok(peak - before < 350, `${peak - before} MiB more than the ${before} MiB before`);
});

Deno.test("The answer to a long text is written in steps, which leaves it uncompressed", async () => {
  await using folder = await aFolder();
  await using service = startPostrider({ data: folder.path, command: START });
  const api = await service.listening;
  for (const [length, encoding] of [[10_000, "gzip"], [1_000_000, null]] as const) {
    const response = await fetch(`${api.url}/notify`, {
      method: "POST",
      headers: { "content-type": "application/json", "accept-encoding": "gzip" },
      body: JSON.stringify({ to: "ada@example.org", subject: "Long", text: "x".repeat(length) }),
    });
    await response.body?.cancel();
    assert.deepEqual([response.status, response.headers.get("content-encoding")], [202, encoding]);
  }
});

Deno.test.each([
  { how: "at once", isAtOnce: true },
  { how: "one after another", isAtOnce: false },
])("Three mails of 24 MB that are sent $how take less than 350 MB", async ({ isAtOnce }) => {
  await using folder = await aFolder();
  await using service = startPostrider({
    data: folder.path,
    command: START,
    env: {
      // Nothing listens there.
      POSTRIDER_MAIL: "smtp://127.0.0.1:1?tls=none",
      // As in `deno task start` and in the image.
      MALLOC_MMAP_THRESHOLD_: "1048576",
      MALLOC_TRIM_THRESHOLD_: "1048576",
    },
  });
  const api = await service.listening;
  const mail = { to: "ada@example.org", subject: "A file", text: "Here it is", retry: 0 };
  const { body: small } = await api.call<{ id: string }>("/notify", mail);
  assert.equal((await api.final(small.id)).state, "failed");
  const before = residentMiB(service.pid);
  Deno.writeTextFileSync(`/proc/${service.pid}/clear_refs`, "5");
  const file = { filename: "a.bin", content: "QUJD".repeat(8_000_000) };
  const body = JSON.stringify({ ...mail, attachments: [file] });
  const headers = { "content-type": "application/json" };
  const submit = async () => {
    const response = await fetch(`${api.url}/notify`, { method: "POST", headers, body });
    return (await response.json() as { id: string }).id;
  };
  const ids: string[] = [];
  if (isAtOnce) ids.push(...await Promise.all([submit(), submit(), submit()]));
  else for (let n = 0; n < 3; n++) ids.push(await submit());
  const ended = await Promise.all(ids.map((id) => api.final(id)));
  assert.deepEqual(ended.map(({ error, attempt }) => [error?.code, attempt]), [
    ["connection_refused", 1],
    ["connection_refused", 1],
    ["connection_refused", 1],
  ]);
  // A copy at each step made it three times as much.
  const most = residentMiB(service.pid, "VmHWM");
  assert.ok(most < MAX_MIB, `${most} MiB, and ${before} MiB before`);
  // The threads that composed them end half a minute later; no mail is kept for the next one.
  const grown = () => residentMiB(service.pid) - before;
  for (let tries = 0; grown() >= 50 && tries < 600; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(grown() < 50, `${grown()} MiB more than the ${before} MiB before`);
});

function residentMiB(pid: number, field = "VmRSS"): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024);
}
