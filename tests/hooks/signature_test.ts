import assert from "node:assert/strict";
import { PRESET_NAMES } from "../../src/hooks/table.ts";
import { mailgunBody, NOW, SECRET, senderOf, SENDERS, type Signer } from "./support.ts";
import { runs } from "../support/runs.ts";
import { seeded } from "../support/seeded.ts";

const encoder = new TextEncoder();
const BODY = '{"id":"evt_1","text":"ünïcode 🚚"}';

function verify(
  { settings, secret }: Pick<Signer, "settings" | "secret">,
  headers: Record<string, string>,
  body: string | Uint8Array = BODY,
  now = NOW,
): boolean {
  const bytes = typeof body === "string" ? encoder.encode(body) : body;
  const get = (name: string) => headers[name.toLowerCase()] ?? null;
  return senderOf(settings).verify({ headers: { get }, body: bytes }, [secret], now);
}

const NAMES = Object.keys(SENDERS);

Deno.test("every preset is signed in these tests", () => {
  const tested = new Set(Object.values(SENDERS).map(({ settings }) => settings.preset));
  assert.deepEqual(PRESET_NAMES.filter((name) => !tested.has(name)), ["mailgun"]);
});

Deno.test.each(NAMES)("%s: a signed delivery verifies, and only with its secret", (name) => {
  const sender = SENDERS[name] as Signer;
  const headers = sender.headers(BODY);
  assert.ok(verify(sender, headers));
  const wrong = name === "standard" ? `whsec_${btoa("x".repeat(32))}` : "another-long-secret";
  assert.equal(verify({ ...sender, secret: wrong }, headers), false);
  const { settings, secret } = sender;
  const get = (header: string) => headers[header] ?? null;
  const body = encoder.encode(BODY);
  const { verify: verified } = senderOf(settings);
  assert.ok(verified({ headers: { get }, body }, [wrong, secret], NOW), "rotation");
  assert.equal(verified({ headers: { get }, body }, [], NOW), false);
});

Deno.test.each(NAMES)(
  "%s: an empty, short or malformed signature is wrong and throws nothing",
  (name) => {
    const sender = SENDERS[name] as Signer;
    const [header, prefix] = sender.signature;
    const { [header]: _, ...without } = sender.headers(BODY);
    assert.equal(verify(sender, without), false);
    const odd = [
      "",
      " ",
      "=",
      "a",
      "zz",
      "é",
      "\u0000",
      "0".repeat(100_000),
      ",",
      "v1=",
      "v1,",
      ":",
    ];
    for (const text of odd) {
      for (const given of [text, prefix + text]) {
        assert.equal(verify(sender, { ...without, [header]: given }), false, JSON.stringify(given));
      }
    }
  },
);

Deno.test.each(NAMES.filter((name) => SENDERS[name]?.signed || name === "stripe"))(
  "%s: a timestamp may differ by 300 s either way, and no more",
  (name) => {
    const sender = SENDERS[name] as Signer;
    const headers = sender.headers(BODY);
    for (const skew of [-300, 0, 300]) {
      assert.ok(verify(sender, headers, BODY, NOW + skew * 1_000), `${skew}`);
    }
    for (const skew of [-301, 301]) {
      assert.equal(verify(sender, headers, BODY, NOW + skew * 1_000), false, `${skew}`);
    }
  },
);

Deno.test("Mailgun: the token and the timestamp in the body are signed, for 300 s", () => {
  const { verify } = senderOf({ preset: "mailgun" });
  const body = mailgunBody({ event: "failed" });
  const verified = (text: string, now = NOW, type = "application/json") =>
    verify({ headers: new Headers({ "content-type": type }), body: encoder.encode(text) }, [
      SECRET,
    ], now);
  assert.ok(verified(body));
  assert.ok(verified(body, NOW + 300_000));
  assert.equal(verified(body, NOW + 301_000), false);
  assert.equal(verified(body.replace("ttt", "uuu")), false);
  assert.equal(verify({ headers: new Headers(), body: encoder.encode(body) }, ["x"], NOW), false);
  for (const text of ["", "[]", "{}", '{"signature":1}', "{"]) assert.equal(verified(text), false);
  const form = new URLSearchParams(JSON.parse(body).signature).toString();
  assert.ok(verified(form, NOW, "application/x-www-form-urlencoded"));
  const { signature, ...parent } = JSON.parse(body).signature;
  const child = { ...parent, signature: "00", "parent-signature": signature };
  assert.ok(verified(JSON.stringify({ signature: child })));
});

/** Published by the senders. */
const VECTORS: {
  from: string;
  settings: Record<string, unknown>;
  secret: string;
  now: number;
  body: string;
  headers: Record<string, string>;
}[] = [
  {
    from: "docs.github.com, Validating webhook deliveries",
    settings: { preset: "github" },
    secret: "It's a Secret to Everybody",
    now: NOW,
    body: "Hello, World!",
    headers: {
      "x-hub-signature-256":
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    },
  },
  {
    from: "Standard Webhooks and Svix, Verifying manually",
    settings: { preset: "standard" },
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    now: 1_614_265_330_000,
    body: '{"test": 2432232314}',
    headers: {
      "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "svix-timestamp": "1614265330",
      "svix-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
  },
  {
    from: "api.slack.com, Verifying requests from Slack",
    settings: { preset: "slack" },
    secret: "8f742231b10e8888abcd99yyyzzz85a5",
    now: 1_531_420_618_000,
    body: "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow" +
      "&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner" +
      "&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands" +
      "%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN" +
      "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
    headers: {
      "x-slack-request-timestamp": "1531420618",
      "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    },
  },
];

Deno.test.each(VECTORS)("the published test vector verifies: $from", (vector) => {
  assert.ok(verify(vector, vector.headers, vector.body, vector.now));
  assert.equal(verify(vector, vector.headers, `${vector.body} `, vector.now), false);
});

const MUTATED = runs(20_000, 100_000);

Deno.test(`none of ${MUTATED} mutated signatures verifies`, () => {
  const random = seeded(20_261_120);
  const counts = new Map<string, number>();
  for (let n = 0; n < MUTATED; n++) {
    const name = NAMES[n % NAMES.length] as string;
    const sender = SENDERS[name] as Signer;
    const headers = sender.headers(BODY);
    const [header, prefix] = sender.signature;
    const isToken = /^(?:gitlab|ses|postmark|alertmanager)/.test(name);
    const what = random();
    let body: string | Uint8Array = BODY;
    if (what < 0.15 && !isToken) body = mutateBytes(encoder.encode(BODY), random);
    else if (what < 0.25 && sender.signed) {
      headers[sender.signed] = `${Number(headers[sender.signed]) + 1 + Math.floor(random() * 200)}`;
    } else {
      const signature = (headers[header] ?? "").slice(prefix.length);
      headers[header] = prefix + mutate(signature, random);
    }
    assert.equal(verify(sender, headers, body), false, `${name} ${JSON.stringify(headers)}`);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  assert.equal(counts.size, NAMES.length);
});

/** Applies one to three changes: replace, insert, delete, change case, cut, reverse. */
function mutate(text: string, random: () => number): string {
  const letters = "0123456789abcdefABCDEFxyzXYZ+/=._-~";
  const pick = () => letters[Math.floor(random() * letters.length)] as string;
  let result = text;
  const times = 1 + Math.floor(random() * 3);
  do {
    for (let time = 0; time < times; time++) {
      const at = Math.floor(random() * Math.max(1, result.length));
      const [head, letter = "", rest] = [result.slice(0, at), result[at], result.slice(at + 1)];
      const kind = Math.floor(random() * 6);
      if (kind === 0) result = head + pick() + rest;
      else if (kind === 1) result = head + pick() + letter + rest;
      else if (kind === 2) result = head + rest;
      else if (kind === 3) {
        result = head +
          (letter.toUpperCase() === letter ? letter.toLowerCase() : letter.toUpperCase()) + rest;
      } else if (kind === 4) result = result.slice(0, at);
      else result = [...result].reverse().join("");
    }
  } while (result === text);
  return result;
}

function mutateBytes(bytes: Uint8Array, random: () => number): Uint8Array {
  const copy = bytes.slice();
  const at = Math.floor(random() * copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  return random() < 0.5 ? copy : copy.slice(0, at);
}
