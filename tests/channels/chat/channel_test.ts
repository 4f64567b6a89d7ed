import assert from "node:assert/strict";
import { openChatChannel } from "../../../src/channels/chat/channel.ts";
import { readTargets, SERVICES } from "../../../src/channels/chat/table.ts";
import type { ChatPayload } from "../../../src/task/payloads.ts";
import { aContext, anAttempt } from "../support/attempts.ts";
import { openRecorder } from "./recorder.ts";

const KEY = "abcdefghijklmnopqrstuvwxyz0123";
const BOT = "123456789:AAabcdefghijklmnopqrstuvwxyz0123456";
const TASK = "tsk_01jb1qhq6seq0b5t0r3wwg4b2n";
/** One of each service. */
const TARGETS = {
  slack: "slack://T1A2/B3C4/s3cr3ts3cr3t",
  discord: "discord://4711/s3cr3t-s3cr3t",
  telegram: `tgram://${BOT}/-100123:7`,
  ntfy: "ntfys://user:pass@push.example.org/topic",
  gotify: "gotifys://push.example.org/app/As3cr3t",
  workflows: "workflows://prod.example.org/flow1/sig-1",
  pushover: `pover://${KEY}@${KEY}/phone`,
  matrix: "matrixs://s3cr3ttoken@matrix.example.org/!room:example.org",
  mattermost: "mmosts://bot@chat.example.org/s3cr3ts3cr3ts3cr3ts3cr3tab?channel=town",
  rocketchat: "rockets://s3cr3ts3cr3ts3cr3t%2Fs3cr3ts3cr3ts3cr3ts3cr3t@chat.example.org/%23general",
  googlechat: "gchat://AAAAspace/s3cr3ts3cr3tkey/s3cr3ts3cr3ttoken",
  twilio: `twilio://AC${"0123456789abcdef".repeat(2)}:${"s3cr3tab".repeat(4)}@+15550100/+15550123`,
  pagerduty: "pagerduty://s3cr3ts3cr3ts3cr3ts3cr3tabcd/ci.example.org",
  json: "jsons://user:pass@example.org/hooks/a?+X-Token=s3cr3t",
};

function aNote(target: string, more: Partial<ChatPayload> = {}): ChatPayload {
  const places = readTargets(target);
  if (typeof places === "string") throw new TypeError(places);
  return {
    target,
    shown: places[0]?.shown ?? "",
    title: "Build <42>",
    markdown:
      "All **tests** _pass_ in `main`:\n\n- [log](https://ci.example.org/42?a=1&b=2)\n- 3 > 2",
    severity: "warning",
    attachments: [],
    ...more,
  };
}

function channelOf(target: string, recorder: ReturnType<typeof openRecorder>) {
  const places = readTargets(target);
  const name = typeof places === "string" ? "" : places[0]?.channel;
  const service = SERVICES.find((one) => one.name === name) ?? assert.fail();
  return openChatChannel(service, recorder.http);
}

async function send(payload: ChatPayload, recorder: ReturnType<typeof openRecorder>, more = {}) {
  const attempt = anAttempt(payload, { taskId: TASK, ...more });
  return await channelOf(payload.target, recorder).deliver(attempt, aContext());
}

for (const [name, target] of Object.entries(TARGETS)) {
  Deno.test(`what ${name} gets is as its documentation asks`, async (t) => {
    await using recorder = openRecorder();
    const outcome = await send(aNote(target), recorder);
    assert.equal(outcome.kind, "delivered");
    assert.doesNotMatch(JSON.stringify(outcome), /s3cr3t|AAabc|abcdefghij|sig-1|0123456789abcdef/);
    const requests = recorder.requests.map(({ url, method, headers, json }) => ({
      url,
      method,
      headers: Object.fromEntries(
        ["authorization", "content-type", "x-gotify-key", "x-token"].flatMap((header) => {
          const value = headers.get(header);
          return value === null ? [] : [[header, value]];
        }),
      ),
      json,
    }));
    await t.assertSnapshot(requests);
  });
}

Deno.test("every service has its request checked", () => {
  assert.deepEqual(Object.keys(TARGETS).sort(), SERVICES.map(({ name }) => name).sort());
});

Deno.test("plain text stays plain: no service takes it for markup", async () => {
  await using recorder = openRecorder();
  const text = "2 * 3 * 4 <b>bold</b> & @everyone";
  for (const target of Object.values(TARGETS)) {
    const { markdown: _, ...note } = aNote(target, { title: "", text });
    await send(note, recorder);
  }
  const names = Object.keys(TARGETS);
  const bodies = Object.fromEntries(recorder.requests.map(({ json }, i) => [names[i], json]));
  const { slack, discord, telegram, ntfy, gotify, pushover, matrix, json } = bodies;
  assert.deepEqual(slack.attachments[0].blocks, [{
    type: "section",
    text: { type: "plain_text", text },
  }]);
  assert.equal(discord.embeds[0].description, "2 \\* 3 \\* 4 \\<b>bold\\</b> & @everyone");
  assert.deepEqual(discord.allowed_mentions, { parse: [] });
  assert.equal(telegram.text, "⚠️ 2 * 3 * 4 &lt;b&gt;bold&lt;/b&gt; &amp; @everyone");
  assert.deepEqual({
    ntfy: ntfy.message,
    gotify: gotify.message,
    pushover: pushover.message,
    json: json.message,
  }, { ntfy: text, gotify: text, pushover: text, json: text });
  assert.equal(pushover.html, undefined);
  assert.equal(matrix.formatted_body, undefined);
});

Deno.test("plain text in a digest, and escaped Markdown, stay plain in Slack", async () => {
  await using recorder = openRecorder();
  const { markdown: _, ...note } = aNote(TARGETS.slack, {
    title: "One",
    text: "*a* https://e.org/x_y",
  });
  const markdown = "**b**\n\n\\*c\\* and `d`\n\n\\_e\\_";
  await send({ ...note, gathered: [{ ...note, title: "Two", text: "f" }] }, recorder);
  await send(aNote(TARGETS.slack, { title: "", markdown }), recorder);
  const [digest, escaped] = recorder.requests.map(({ json }) =>
    json.attachments[0].blocks.filter((block: { type: string }) => block.type === "section")
      .map(({ text }: { text: { type: string; text: string } }) => `${text.type}: ${text.text}`)
  );
  assert.deepEqual(digest, [
    "mrkdwn: *One*",
    "plain_text: *a* https://e.org/x_y",
    "mrkdwn: ———\n\n*Two*\n\nf",
  ]);
  assert.deepEqual(escaped, ["mrkdwn: *b*\n\n*c* and `d`", "plain_text: _e_"]);
});

Deno.test("a message for Slack has at most 50 blocks, however many parts are plain", async () => {
  await using recorder = openRecorder();
  const markdown = Array.from({ length: 60 }, (_, i) => `**${i}**\n\n\\*x\\*`).join("\n\n");
  await send(aNote(TARGETS.slack, { markdown }), recorder);
  assert.ok(recorder.requests[0]?.json.attachments[0].blocks.length <= 50);
});

Deno.test("plain text notifies nobody who is not in the conversation", async () => {
  await using recorder = openRecorder();
  const text = "@all, @here and <users/all> of @allison";
  for (const name of ["googlechat", "rocketchat", "mattermost"] as const) {
    const { markdown: _, ...note } = aNote(TARGETS[name], { title: "@channel", text });
    await send(note, recorder);
    await send({ ...note, gathered: [note] }, recorder);
  }
  for (const { json } of recorder.requests) {
    const sent: string = json.text ?? json.attachments[0].text;
    assert.doesNotMatch(sent, /@(?:all|here|channel)\b|<users/);
    assert.match(sent, /@allison/);
  }
});

Deno.test("the wait of an older Matrix server is heeded", async () => {
  const body = '{"errcode":"M_LIMIT_EXCEEDED","error":"Too Many Requests","retry_after_ms":2500}';
  await using recorder = openRecorder(() => new Response(body, { status: 429 }));
  const outcome = await send(aNote(TARGETS.matrix), recorder);
  assert.ok(outcome.kind === "deferred");
  assert.equal(outcome.retryAfterMs, 2_500);
});

Deno.test("a connector that answers 200 with a failure has not delivered", async () => {
  const body = "Webhook message delivery failed with error: Microsoft Teams endpoint returned 404";
  await using recorder = openRecorder(() => new Response(body));
  const outcome = await send(aNote(TARGETS.workflows), recorder);
  assert.ok(outcome.kind === "rejected");
  assert.match(outcome.error.detail, /Microsoft Teams endpoint returned 404/);
});

Deno.test("what is too long is cut in pieces that each fit, and nothing is lost", async () => {
  await using recorder = openRecorder();
  const lines = Array.from({ length: 900 }, (_, i) => `Line ${i} has **some** words in it.`);
  for (const target of [TARGETS.discord, TARGETS.telegram, TARGETS.matrix]) {
    recorder.requests.length = 0;
    const outcome = await send(aNote(target, { markdown: lines.join("\n") }), recorder);
    assert.equal(outcome.kind, "delivered");
    assert.ok(recorder.requests.length > 1);
    const texts = recorder.requests.map(({ json }) =>
      json.embeds?.[0].description ?? json.text ?? json.body
    );
    if (target !== TARGETS.matrix) { for (const text of texts) assert.ok(text.length <= 4_096); }
    for (let i = 0; i < 900; i++) {
      assert.equal(texts.filter((text) => text.includes(`Line ${i} has`)).length, 1, `line ${i}`);
    }
  }
});

Deno.test("a push is cut off with a mark, by bytes where the service counts bytes", async () => {
  await using recorder = openRecorder();
  await send(aNote(TARGETS.ntfy, { markdown: "ü".repeat(5_000) }), recorder);
  const { message } = recorder.requests[0]?.json ?? {};
  assert.match(message, /^ü+…$/);
  assert.ok(new TextEncoder().encode(message).length <= 4_096);
});

Deno.test("Markdown that is cut off is closed, so that its mark is no code", async () => {
  await using recorder = openRecorder();
  const lines = Array.from({ length: 6_000 }, (_, i) => `x_${i} = 1`).join("\n");
  for (const target of [TARGETS.ntfy, TARGETS.gotify]) {
    await send(aNote(target, { markdown: `Log:\n\n\`\`\`\n${lines}\n\`\`\`\n\nend` }), recorder);
    assert.match(recorder.requests.at(-1)?.json.message, /\nx_\d+ = 1\n```\n\n…$/);
  }
});

Deno.test("what a service limits in bytes is measured as it is sent, with its escapes", async () => {
  await using recorder = openRecorder();
  const sizes: [string, number][] = [[TARGETS.workflows, 28_000], [TARGETS.googlechat, 32_000]];
  for (const [target, limit] of sizes) {
    for (const text of ['"'.repeat(60_000), "ü\n".repeat(30_000), "\\_".repeat(30_000)]) {
      recorder.requests.length = 0;
      const { markdown: _, ...note } = aNote(target, { title: '"'.repeat(2_000), text });
      await send(note, recorder);
      for (const { json } of recorder.requests) {
        const bytes = new TextEncoder().encode(JSON.stringify(json)).length;
        assert.ok(bytes <= limit, `${bytes} bytes to ${target}`);
      }
    }
  }
});

Deno.test("what was cut off is sent on from where it was, not anew", async () => {
  const limited = () =>
    new Response('{"ok":false,"parameters":{"retry_after":7}}', { status: 429 });
  const answers = [() => new Response("{}"), limited, () => new Response("{}")];
  await using recorder = openRecorder(...answers);
  const note = aNote(TARGETS.telegram, { markdown: "word ".repeat(1_500) });
  const first = await send(note, recorder);
  assert.ok(first.kind === "deferred");
  assert.deepEqual({
    retryAfterMs: first.retryAfterMs,
    forMs: first.hold?.forMs,
    carry: first.carry,
  }, {
    retryAfterMs: 7_000,
    forMs: 7_000,
    carry: {
      sent: 1,
    },
  });
  const second = await send(note, recorder, { number: 2, carry: first.carry });
  assert.equal(second.kind, "delivered");
  const texts = recorder.requests.map(({ json }) => json.text);
  assert.equal(texts.length, 3);
  assert.equal(texts[1], texts[2]);
});

Deno.test("Retry-After holds the lane of the service", async () => {
  const answer = () => new Response("", { status: 429, headers: { "retry-after": "3" } });
  await using recorder = openRecorder(answer);
  const outcome = await send(aNote(TARGETS.slack), recorder);
  assert.ok(outcome.kind === "deferred");
  assert.deepEqual({ retryAfterMs: outcome.retryAfterMs, forMs: outcome.hold?.forMs }, {
    retryAfterMs: 3_000,
    forMs: 3_000,
  });
});

Deno.test("a rejection has the service's own text, without the credentials", async () => {
  const answer = () => new Response(`no_service for ${KEY} and T1A2`, { status: 404 });
  await using recorder = openRecorder(answer);
  const outcome = await send(aNote(TARGETS.pushover), recorder);
  assert.ok(outcome.kind === "rejected");
  assert.equal(outcome.error.code, "http_404");
  assert.match(JSON.stringify(outcome.evidence), /no_service for \*\*\* and T1A2/);
});

Deno.test("a redirect is no delivery: nothing is sent elsewhere", async () => {
  const answer = () => new Response("", { status: 302, headers: { location: "/other" } });
  await using recorder = openRecorder(answer);
  const outcome = await send(aNote(TARGETS.json), recorder);
  assert.ok(outcome.kind === "rejected");
  assert.equal(outcome.error.code, "http_302");
  assert.equal(recorder.requests.length, 1);
});

Deno.test("files go where they are taken; elsewhere their names are told", async () => {
  await using recorder = openRecorder();
  const attachments = [{ filename: "report.txt", content: "YQ==", contentType: "text/plain" }];
  await send(aNote(TARGETS.json, { attachments }), recorder);
  await send(aNote(TARGETS.gotify, { attachments }), recorder);
  assert.deepEqual(recorder.requests[0]?.json.attachments, [
    { filename: "report.txt", base64: "YQ==", mimetype: "text/plain" },
  ]);
  assert.match(recorder.requests[1]?.json.message, /\(Not attached here: report.txt\)$/);
});

const refusals: readonly {
  readonly target: string;
  readonly body: string;
  readonly says: RegExp;
}[] = [
  {
    target: TARGETS.telegram,
    body: '{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}',
    says: /: Bad Request: chat not found$/,
  },
  {
    target: TARGETS.discord,
    body: '{"message":"Invalid Form Body","code":50035,"errors":{"embeds":["0"]}}',
    says: /: Invalid Form Body$/,
  },
  { target: TARGETS.slack, body: "invalid_payload", says: /: invalid_payload$/ },
  {
    target: TARGETS.ntfy,
    body: '{"code":40301,"http":403,"error":"forbidden","link":"https://ntfy.sh"}',
    says: /: forbidden$/,
  },
  {
    target: TARGETS.gotify,
    body: '{"error":"Unauthorized","errorCode":401,"errorDescription":"you need a valid token"}',
    says: /you need a valid token/,
  },
  {
    target: TARGETS.pushover,
    body: '{"user":"invalid","errors":["user identifier is not a valid user"],"status":0}',
    says: /: user identifier is not a valid user$/,
  },
  {
    target: TARGETS.matrix,
    body: '{"errcode":"M_FORBIDDEN","error":"User not in room"}',
    says: /: User not in room$/,
  },
  {
    target: TARGETS.workflows,
    body: '{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"It is not enabled."}}',
    says: /: It is not enabled\.$/,
  },
  {
    target: TARGETS.twilio,
    body: '{"code":21211,"message":"The \'To\' number is not a valid phone number.","status":400}',
    says: /The 'To' number is not a valid phone number/,
  },
  {
    target: TARGETS.googlechat,
    body: '{"error":{"code":400,"message":"Message cannot be empty.","status":"INVALID_ARGUMENT"}}',
    says: /: Message cannot be empty\.$/,
  },
  { target: TARGETS.json, body: "<html><h1>Bad Request</h1></html>", says: /answered 400|400$/ },
];

Deno.test.each(refusals)("a refusal carries the sentence of the service: $says", async (row) => {
  await using recorder = openRecorder(() => new Response(row.body, { status: 400 }));
  const outcome = await send(aNote(row.target), recorder);
  assert.ok(outcome.kind === "rejected");
  assert.match(outcome.error.detail, row.says);
});

Deno.test("no event for Matrix exceeds its limit, and each part of the text is in it once, in both forms", async () => {
  await using recorder = openRecorder();
  const html = `<p>${"<b>word</b> ".repeat(5_000)}</p>`;
  const table = `|a|b|\n|-|-|\n${
    Array.from({ length: 900 }, (_, i) => `|cell${i}|**b**|`).join("\n")
  }`;
  const contents: readonly {
    readonly note: Partial<ChatPayload>;
    readonly word: RegExp;
    readonly count: number;
  }[] = [
    { note: { html, markdown: undefined as never }, word: /word/g, count: 5_000 },
    { note: { markdown: table }, word: /cell\d+/g, count: 900 },
    { note: { markdown: '&"<'.repeat(15_000) + " end" }, word: /end/g, count: 1 },
  ];
  for (const { note, word, count } of contents) {
    recorder.requests.length = 0;
    const { markdown, ...rest } = aNote(TARGETS.matrix, note);
    await send(markdown === undefined ? rest : { ...rest, markdown }, recorder);
    const events = recorder.requests.map(({ json }) => json);
    for (const event of events) assert.ok(JSON.stringify(event).length < 65_536 - 2_000);
    const plain = events.map(({ body }) => body).join(" ");
    const formatted = events.map(({ formatted_body, body }) => formatted_body ?? body).join(" ");
    assert.deepEqual(
      [plain.match(word)?.length, formatted.match(word)?.length],
      [count, count],
    );
  }
});

Deno.test("Discord's decimal seconds are heeded", async () => {
  const answer = () =>
    new Response('{"message":"rate limited","retry_after":1.337}', { status: 429 });
  await using recorder = openRecorder(answer);
  const outcome = await send(aNote(TARGETS.discord), recorder);
  assert.ok(outcome.kind === "deferred");
  assert.equal(outcome.retryAfterMs, 1_337);
});

Deno.test("a success resolves the incident that a failure has opened", async () => {
  await using recorder = openRecorder(() => new Response("{}", { status: 202 }));
  const target = `${TARGETS.pagerduty}?dedup=build-42`;
  for (const severity of ["failure", "success"] as const) {
    assert.equal((await send(aNote(target, { severity }), recorder)).kind, "delivered");
  }
  assert.deepEqual(
    recorder.requests.map(({ json }) => [json.event_action, json.dedup_key, json.payload.severity]),
    [["trigger", "build-42", "critical"], ["resolve", "build-42", "info"]],
  );
});
