import assert from "node:assert/strict";
import { parseHooks } from "../../../src/hooks/hook_settings.ts";
import { openMailTemplates } from "../../../src/templates/mail_templates.ts";
import { SECRET, SENDERS } from "../../hooks/support.ts";
import { Api } from "../../support/api.ts";

const DAILY = {
  cron: "0 8 * * *",
  timezone: "Europe/Berlin",
  fetch: { url: "https://example.org/" },
};

async function html(api: Api, path: string): Promise<string> {
  const response = await api.raw(path);
  assert.equal(response.status, 200, path);
  return await response.text();
}

Deno.test("the schedules page lists times and offers run, pause and delete", async () => {
  await using api = await Api.open();
  assert.match(await html(api, "/ui/schedules"), /No schedules/);
  assert.equal((await api.call("PUT", "/schedules/daily", { json: DAILY })).status, 201);
  const fresh = await html(api, "/ui/schedules");
  for (
    const word of [
      "At 08:00",
      "0 8 * * *",
      "Europe/Berlin",
      "never",
      "in 7 h",
      "defined by the API",
    ]
  ) {
    assert.ok(fresh.includes(word), word);
  }
  assert.match(fresh, /data-call="POST \/schedules\/daily\/pause"/);
  assert.match(fresh, /data-call="DELETE \/schedules\/daily"/);
  await api.post("/schedules/daily/run");
  await api.post("/schedules/daily/pause");
  const later = await html(api, "/ui/schedules");
  assert.match(later, /<a href="\/ui\/tasks\/tsk_.*?<small><span class="badge queued">/s);
  assert.match(later, /badge paused/);
  assert.match(later, /data-call="POST \/schedules\/daily\/resume"/);
});

Deno.test("the page of a hook lists deliveries with their results and a replay button", async () => {
  const notify = { to: "ada@example.org", subject: "{{ payload.ref }}" };
  const parsed = parseHooks({ builds: { preset: "github", secret: SECRET, notify } }, () => "");
  await using api = await Api.open({ hookSettings: parsed.issues ? assert.fail() : parsed.value });
  const list = await html(api, "/ui/hooks");
  assert.match(list, /<a href="\/ui\/hooks\/builds">builds<\/a>/);
  assert.ok(!list.includes(SECRET));
  assert.match(await html(api, "/ui/hooks/builds"), /No deliveries yet/);
  const body = JSON.stringify({ ref: "main" });
  const headers = { "content-type": "application/json", ...SENDERS.github?.headers(body) };
  const { body: delivery } = await api.call("POST", "/hooks/builds", { body, headers });
  const text = await html(api, "/ui/hooks/builds");
  assert.match(text, /badge accepted">accepted<\/span> push/);
  assert.match(text, new RegExp(`href="/ui/tasks/${delivery.tasks[0]}"`));
  assert.match(text, new RegExp(`data-call="POST /hooks/builds/deliveries/${delivery.id}/replay"`));
  assert.equal((await api.raw("/ui/hooks/unknown")).status, 404);
});

Deno.test("the page of a delivery shows its payload, and what the hook makes of it now", async () => {
  const hooksOf = (subject: string) => {
    const notify = { to: "ada@example.org", subject };
    const parsed = parseHooks({ builds: { preset: "github", secret: SECRET, notify } }, () => "");
    return parsed.issues ? assert.fail() : parsed.value;
  };
  const hookSettings = new Map(hooksOf("{{ payload.ref }}"));
  await using api = await Api.open({ hookSettings });
  const body = JSON.stringify({ ref: "main", apiToken: "planted-secret" });
  const headers = { "content-type": "application/json", ...SENDERS.github?.headers(body) };
  const { body: delivery } = await api.call("POST", "/hooks/builds", { body, headers });
  const before = await api.engine.counts();
  hookSettings.set("builds", hooksOf("Now {{ payload.ref }}").get("builds")!);
  const page = await html(api, `/ui/hooks/builds/${delivery.id}`);
  assert.match(page, /notify: Now main/);
  assert.match(page, /&quot;ref&quot;: &quot;main&quot;/);
  assert.match(page, /&quot;apiToken&quot;: &quot;\*\*\*&quot;/);
  assert.doesNotMatch(page, /planted-secret|sha256=/);
  assert.deepEqual(await api.engine.counts(), before);
  hookSettings.set("builds", hooksOf("{{ payload.nothing.at.all }}").get("builds")!);
  assert.match(await html(api, `/ui/hooks/builds/${delivery.id}`), /It cannot be mapped/);
  assert.equal((await api.raw("/ui/hooks/builds/hkd_unknown")).status, 404);
});

Deno.test("the pages of hooks show verdicts over time, and the overview names a hook that rejects", async () => {
  const notify = { to: "ada@example.org", subject: "s" };
  const parsed = parseHooks({ builds: { preset: "github", secret: SECRET, notify } }, () => "");
  await using api = await Api.open({ hookSettings: parsed.issues ? assert.fail() : parsed.value });
  const body = JSON.stringify({ ref: "main" });
  const headers = { "content-type": "application/json", ...SENDERS.github?.headers(body) };
  await api.call("POST", "/hooks/builds", { body, headers });
  await api.call("POST", "/hooks/builds", {
    body,
    headers: { ...headers, "x-hub-signature-256": "sha256=00" },
  });
  assert.match(await html(api, "/ui/hooks"), /class="error">1 rejected/);
  const page = await html(api, "/ui/hooks/builds");
  assert.match(page, /badge rejected">.*?class="number">1<.*?wrong signature or token/s);
  assert.match(
    await html(api, "/"),
    /Not well:.*href="\/ui\/hooks\/builds\?since=1h">Deliveries to the hook builds were rejected/s,
  );
  await api.finish();
  await api.clock.advance(2 * 3_600_000);
  assert.match(await html(api, "/"), /All is well/);
  assert.match(await html(api, "/ui/hooks?since=1h"), />none</);
});

Deno.test("templates are shown as their mails would look, in a frame that runs nothing", async () => {
  const templates = openMailTemplates("", () => new Map());
  await using api = await Api.open({
    ports: {
      templates: () => templates.list(),
      render: (name, data) => templates.render(name, data),
    },
  });
  assert.match(await html(api, "/ui/templates"), /<a href="\/ui\/templates\/password-reset">/);
  const text = await html(api, "/ui/templates/password-reset");
  assert.match(text, /<iframe[^>]* src="\/templates\/password-reset\?format=html" sandbox=""/);
  assert.match(text, /example\.org\/reset/);
  assert.equal((await api.raw("/ui/templates/unknown")).status, 404);
});

Deno.test("the outbox lists mails with their tasks and files; without one it says where mails go", async () => {
  const entry = { id: "tsk_1", bytes: 1_536, writtenAt: 0, from: "a", to: "ada@example.org" };
  const list = () => Promise.resolve([{ ...entry, subject: "<b>Hi</b>" }]);
  const outbox = { list, read: () => Promise.resolve(undefined) };
  await using api = await Api.open({ ports: { outbox } });
  const text = await html(api, "/ui/outbox");
  assert.match(text, /<a href="\/ui\/tasks\/tsk_1">&lt;b&gt;Hi&lt;\/b&gt;<\/a>/);
  assert.match(text, /<a href="\/outbox\/tsk_1">1\.5 KiB<\/a>/);
  await using relayed = await Api.open();
  assert.match(await html(relayed, "/ui/outbox"), /Mails go to a relay/);
});

Deno.test("the page of channels tests each alias of the settings, and the page that sends none", async () => {
  await using api = await Api.open({ ports: { aliasNames: () => ["oncall", "team"] } });
  const channels = await html(api, "/ui/channels");
  for (const name of ["oncall", "team"]) {
    assert.match(channels, new RegExp(`href="/ui/channels\\?to=%40${name}#test"`));
  }
  assert.match(await html(api, "/ui/channels?to=%40team"), /name="to" value="@team"/);
  assert.doesNotMatch(await html(api, "/ui/send"), /oncall|Test a channel/);
});
