import assert from "node:assert/strict";
import { parseApiKeys } from "../../../src/http/auth/auth.ts";
import { Api } from "../../support/api.ts";

const MAIL = { to: "ada@example.org", subject: "Hello" };
const MINE = { authorization: "Bearer s1" };
const OTHER = { authorization: "Bearer s2" };
const READER = { authorization: "Bearer s3" };

Deno.test("a mail of the outbox is visible to its owner and to keys with the scope read", async () => {
  const bytes = new TextEncoder().encode("Subject: Hello\r\n\r\n");
  const ids: string[] = [];
  await using api = await Api.open({
    keys: parseApiKeys("a:s1:notify,b:s2:notify,c:s3:read"),
    anonymous: "refused",
    ports: {
      outbox: {
        list: () =>
          Promise.resolve(ids.map((id) => ({
            id,
            bytes: bytes.length,
            writtenAt: 0,
            from: "post@example.org",
            to: "ada@example.org",
            subject: "Hello",
          }))),
        read: (id) => Promise.resolve(ids.includes(id) ? bytes : undefined),
      },
    },
  });
  ids.push((await api.post("/notify", MAIL, MINE)).body.id);
  const listed = async (headers: Record<string, string>) =>
    (await api.get("/outbox", headers)).body.data.map(({ id }: { id: string }) => id);
  assert.deepEqual([await listed(MINE), await listed(OTHER), await listed(READER)], [ids, [], ids]);
  const path = `/outbox/${ids[0]}`;
  const mail = await api.get(path, MINE);
  assert.equal(mail.status, 200);
  assert.equal(mail.headers.get("content-disposition"), `attachment; filename="${ids[0]}.eml"`);
  assert.equal((await api.get(path, OTHER)).status, 404);
  assert.equal((await api.get("/outbox/../../etc/passwd", READER)).status, 404);
  assert.equal((await api.get("/outbox/tsk_x", READER)).status, 404);
  assert.equal((await api.get("/outbox?limit=0", READER)).status, 422);
});

Deno.test("without an outbox /outbox is not found", async () => {
  await using api = await Api.open();
  const { status, body } = await api.get("/outbox");
  assert.equal(status, 404);
  assert.match(body.detail, /POSTRIDER_MAIL/);
});
