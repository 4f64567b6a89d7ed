import assert from "node:assert/strict";
import { noteOf } from "../../../src/channels/chat/note.ts";
import { placesOf, readTargets, SERVICES } from "../../../src/channels/chat/table.ts";

const KEY = "abcdefghijklmnopqrstuvwxyz0123";
const BOT = "123456789:AAabcdefghijklmnopqrstuvwxyz0123456";

/** What a URL names: how each place is shown, and the lane it is in. */
const READ: readonly { url: string; shown: string[]; lane: string }[] = [
  {
    url: "slack://T1A2/B3C4/s3cr3ts3cr3t",
    shown: ["slack://***"],
    lane: "https://hooks.slack.com:443",
  },
  {
    url: "slack://bot@T1A2/B3C4/s3cr3ts3cr3t/#general",
    shown: ["slack://***/#general"],
    lane: "https://hooks.slack.com:443",
  },
  {
    url: "discord://4711/s3cr3t-s3cr3t_s3cr3t",
    shown: ["discord://4711/***"],
    lane: "https://discord.com:443",
  },
  {
    url: `tgram://${BOT}/-100123/@news`,
    shown: ["tgram://***/-100123", "tgram://***/@news"],
    lane: "https://api.telegram.org:443",
  },
  { url: "ntfy://s3cr3t-topic", shown: ["ntfy://ntfy.sh/***"], lane: "https://ntfy.sh:443" },
  {
    url: "ntfy://user:s3cr3t@push.example.org:8080/s3cr3t-topic",
    shown: ["ntfy://push.example.org:8080/***"],
    lane: "http://push.example.org:8080",
  },
  {
    url: "ntfys://tk_s3cr3t@push.example.org/one/two",
    shown: ["ntfys://push.example.org/***", "ntfys://push.example.org/***"],
    lane: "https://push.example.org:443",
  },
  {
    url: "gotifys://push.example.org/app/As3cr3t",
    shown: ["gotifys://push.example.org/app/***"],
    lane: "https://push.example.org:443",
  },
  {
    url: "workflows://prod-01.westeurope.logic.azure.com:443/s3cr3tflow/s3cr3t-sig",
    shown: ["workflows://prod-01.westeurope.logic.azure.com:443/***"],
    lane: "https://prod-01.westeurope.logic.azure.com:443",
  },
  {
    url: `pover://${KEY}@${KEY}/phone`,
    shown: ["pover://***/phone"],
    lane: "https://api.pushover.net:443",
  },
  {
    url: "matrixs://s3cr3ttoken@matrix.example.org/!room:example.org",
    shown: ["matrixs://matrix.example.org/!room:example.org"],
    lane: "https://matrix.example.org:443",
  },
  {
    url: "jsons://user:s3cr3t@example.org/hooks/s3cr3t?+X-Token=s3cr3t",
    shown: ["jsons://example.org/***"],
    lane: "https://example.org:443",
  },
];

/** URLs of webhooks as the services hand them out, and where their requests go. */
const WEBHOOKS: readonly { webhook: string; channel: string; goes: string }[] = [
  {
    webhook: "https://hooks.slack.com/services/T1A2/B3C4/s3cr3ts3cr3t",
    channel: "slack",
    goes: "https://hooks.slack.com/services/T1A2/B3C4/s3cr3ts3cr3t",
  },
  {
    webhook: "https://discord.com/api/webhooks/4711/s3cr3t-s3cr3t",
    channel: "discord",
    goes: "https://discord.com/api/webhooks/4711/s3cr3t-s3cr3t?wait=true",
  },
  {
    webhook: "https://discordapp.com/api/webhooks/4711/s3cr3t?thread_id=99",
    channel: "discord",
    goes: "https://discord.com/api/webhooks/4711/s3cr3t?wait=true&thread_id=99",
  },
  {
    webhook: `https://api.telegram.org/bot${BOT}/sendMessage?chat_id=-100123`,
    channel: "telegram",
    goes: `https://api.telegram.org/bot${BOT}/sendMessage`,
  },
  { webhook: "https://ntfy.sh/s3cr3t-topic", channel: "ntfy", goes: "https://ntfy.sh/" },
  {
    webhook: "https://push.example.org/message?token=As3cr3t",
    channel: "gotify",
    goes: "https://push.example.org/message",
  },
  {
    webhook:
      "https://d1.8b.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/s3cr3tflow/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=s3cr3t-sig",
    channel: "workflows",
    goes:
      "https://d1.8b.environment.api.powerplatform.com/powerautomate/automations/direct/workflows/s3cr3tflow/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=s3cr3t-sig",
  },
  {
    webhook: "workflows://host.example.org/s3cr3tflow/s3cr3t-sig?pa=1",
    channel: "workflows",
    goes:
      "https://host.example.org/powerautomate/automations/direct/workflows/s3cr3tflow/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=s3cr3t-sig",
  },
  {
    webhook: "https://chat.example.org/hooks/s3cr3ts3cr3ts3cr3ts3cr3tab",
    channel: "mattermost",
    goes: "https://chat.example.org/hooks/s3cr3ts3cr3ts3cr3ts3cr3tab",
  },
  {
    webhook: "https://chat.example.org/hooks/s3cr3ts3cr3ts3cr3t/s3cr3ts3cr3ts3cr3ts3cr3t",
    channel: "rocketchat",
    goes: "https://chat.example.org/hooks/s3cr3ts3cr3ts3cr3t/s3cr3ts3cr3ts3cr3ts3cr3t",
  },
  {
    webhook:
      "https://chat.googleapis.com/v1/spaces/AAAAspace/messages?key=s3cr3ts3cr3t&token=s3cr3t_s3cr3t",
    channel: "googlechat",
    goes:
      "https://chat.googleapis.com/v1/spaces/AAAAspace/messages?key=s3cr3ts3cr3t&token=s3cr3t_s3cr3t",
  },
];

Deno.test.each(WEBHOOKS)("$webhook is taken as it is handed out", ({ webhook, channel, goes }) => {
  const [place, ...more] = readTargets(webhook);
  assert.ok(typeof place === "object" && more.length === 0, String(place));
  assert.equal(place.channel, channel);
  assert.doesNotMatch(place.shown + place.url, /s3cr3t|AAabc/);
  const service = SERVICES.find(({ name }) => name === channel) ?? assert.fail();
  // What is kept with the task names the same place again.
  const [again] = placesOf(service, place.target);
  assert.deepEqual([again?.target, again?.shown], [place.target, place.shown]);
  const note = noteOf({ target: "", shown: "", title: "T", text: "x", attachments: [] });
  const [request] = service.preview(again ?? assert.fail(), note, { taskId: "tsk_1" });
  assert.equal(request?.url, goes);
});

Deno.test.each(READ)("$url is read, and shown without its secrets", ({ url, shown, lane }) => {
  const places = readTargets(url);
  assert.ok(typeof places !== "string", String(places));
  assert.deepEqual(places.map((place) => place.shown), shown);
  assert.deepEqual([...new Set(places.map((place) => place.lane))], [lane]);
  for (const { shown, url, target } of places) {
    assert.doesNotMatch(shown + url, /s3cr3t|AAabc|abcdefghij/);
    // What is kept with the task names the same place again.
    const again = readTargets(target);
    assert.ok(typeof again !== "string" && again.length === 1);
    assert.deepEqual({ target: again[0]?.target, shown: again[0]?.shown }, { target, shown });
  }
});

Deno.test.each([
  "slack://T1A2/B3C4",
  "slack://T1A2/B3C4/s3cr3t\r\nX: y",
  "slack://T1A2/../s3cr3t",
  "discord://token/4711",
  "discord://4711/a/b",
  "tgram://123/42",
  `tgram://${BOT}`,
  `tgram://${BOT}/a b`,
  "ntfys://push.example.org/no topic",
  "ntfys://push.example.org/a%2Fb",
  "gotify://push.example.org",
  "gotify://push@host/abcdef",
  "workflows://host/only-one",
  `pover://${KEY}@short`,
  "matrixs://token12345@matrix.example.org/#alias:example.org",
  "matrixs://matrix.example.org/!room:example.org",
  "json://",
  "json://exa mple.org/",
  "json://example.org/?colour=red",
  "json://example.org/?+Host=evil.example",
  "json://example.org/?+X-A=a%0d%0ab",
  "json://example.org\\@evil.example/",
  "mailto://user:pass@example.org",
  "https://hooks.slack.com/services/a/b",
  "https://user@hooks.slack.com/services/a/b/c",
  "https://example.org/services/a/b/c",
  "https://discord.com/api/webhooks/x/token",
  "twilio://AC1:token@+1555/+1555",
  "pagerduty://short",
  `pagerduty://${KEY}?region=constructor`,
  "nothing://at.all/",
])("%s is refused with what is expected", (url) => {
  const refused = readTargets(url);
  assert.ok(typeof refused === "string", JSON.stringify(refused));
  assert.match(refused, /^Expected /);
});

Deno.test("no two services share a scheme or a name", () => {
  const schemes = SERVICES.flatMap(({ schemes }) => schemes);
  assert.equal(new Set(schemes).size, schemes.length);
  assert.equal(new Set(SERVICES.map(({ name }) => name)).size, SERVICES.length);
});
