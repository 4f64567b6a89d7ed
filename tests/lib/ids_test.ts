import assert from "node:assert/strict";
import fc from "fast-check";

import { firstSequenceAt, type IdKind, isId, openIds, sequenceOf } from "../../src/lib/ids.ts";

const AT = Date.UTC(2026, 0, 1);
const fill = (bytes: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(bytes);
/** A moment of the years in which ids can be made: 2025 to 2058. */
const aMoment = () => fc.integer({ min: Date.UTC(2025, 0, 1), max: Date.UTC(2058, 11, 31) });

Deno.test("an id is its kind and a TypeID of 26 letters", () => {
  const make = openIds(() => AT, fill);
  for (const kind of ["tsk", "bat", "hkd"] as const) {
    const id = make(kind);
    assert.match(id, new RegExp(`^${kind}_[0-7][0-9a-hjkmnp-tv-z]{25}$`));
    assert.ok(isId(kind, id));
  }
});

Deno.test("an id is a UUIDv7: version 7, variant 10, and the time of acceptance", () => {
  fc.assert(fc.property(aMoment(), (at) => {
    const uuid = uuidOf(openIds(() => at, fill)("tsk"));
    assert.equal(uuid >> 80n, BigInt(at), "48 bits of Unix time in milliseconds");
    assert.equal((uuid >> 76n) & 0xfn, 7n);
    assert.equal((uuid >> 62n) & 3n, 2n);
  }));
});

Deno.test("firstSequenceAt() parts the ids made before a moment from those made then and later", () => {
  let now = AT;
  const make = openIds(() => now, (bytes) => bytes.fill(9));
  const before = make("tsk");
  const bound = firstSequenceAt(++now);
  assert.ok(sequenceOf(before) < bound);
  assert.ok(sequenceOf(make("tsk")) >= bound);
  assert.equal(firstSequenceAt(0), 0);
});

Deno.test("sequenceOf() orders ids as their text does, whatever the clock does", () => {
  fc.assert(fc.property(fc.array(aMoment(), { minLength: 2, maxLength: 50 }), (moments) => {
    let turn = 0;
    const make = openIds(() => moments[turn++] ?? AT, fill);
    const ids = moments.map(() => make("tsk"));
    const sequences = ids.map(sequenceOf);
    assert.deepEqual([...ids].sort(), ids);
    assert.deepEqual([...sequences].sort((a, b) => a - b), sequences);
    assert.equal(new Set(sequences).size, ids.length);
    assert.ok(sequences.every(Number.isSafeInteger));
  }));
});

Deno.test("ids of one millisecond run over into the next ones and stay in order", () => {
  const make = openIds(() => AT, fill);
  const ids = Array.from({ length: 20_000 }, () => make("tsk"));
  assert.deepEqual([...ids].sort(), ids);
  assert.equal(new Set(ids).size, ids.length);
});

Deno.test("ids go on after the latest one in use, although the clock was set back", () => {
  const latest = openIds(() => AT, fill)("tsk");
  const make = openIds(() => AT - 3_600_000, fill, sequenceOf(latest));
  assert.equal(sequenceOf(make("bat")), sequenceOf(latest) + 2);
});

Deno.test("a source of even and one of odd numbers never meet", () => {
  fc.assert(fc.property(fc.nat(100), fc.array(fc.boolean()), (after, turns) => {
    const even = openIds(() => AT, fill, after);
    const odd = openIds(() => AT, fill, after, "odd");
    const made = turns.map((turn) => sequenceOf((turn ? even : odd)("tsk")));
    assert.equal(new Set(made).size, made.length);
    assert.ok(made.every((sequence, i) => sequence % 2 === (turns[i] ? 0 : 1)));
    assert.ok(made.every((sequence) => sequence > after));
  }));
});

Deno.test("two sources at one moment make different ids: 61 bits are chance", () => {
  const [one, two] = [openIds(() => AT, fill), openIds(() => AT, fill)];
  assert.notEqual(one("tsk"), two("tsk"));
});

Deno.test("chance fills all its bits and no others", () => {
  const spread = (byte: number) =>
    uuidOf(openIds(() => AT, (bytes) => void bytes.fill(byte))("tsk"));
  assert.equal(spread(0xff) ^ spread(0), 2n ** 61n - 1n);
});

Deno.test.each([
  { text: "", why: "empty" },
  { text: "tsk_", why: "without letters" },
  { text: "tsk_01kdvzzk000000000000000000", why: "of UUID version 0" },
  { text: "tsk_01kdvzzk00e000000000000000", why: "of another variant" },
  { text: "tsk_7zzzzzzzzzezz8zzzzzzzzzzzz", why: "later than any that can be made" },
  { text: "tsk_0000000000e008000000000000", why: "of 1970" },
  { text: "tsk_81kdvzzk00e008000000000000", why: "of more than 128 bits" },
  { text: "tsk_01kdvzzk00e00800000000000", why: "a letter short" },
  { text: "tsk_01kdvzzk00e0080000000000000", why: "a letter long" },
  { text: "tsk_01KDVZZK00E008000000000000", why: "in capitals" },
  { text: "tsk_01kdvzzk00e00800000000000u", why: "with a letter that is none of Crockford's" },
  { text: "job_01kdvzzk00e008000000000000", why: "of no kind of ours" },
  { text: "tsk_01kdvzzk00e008000000000000\n", why: "with a line break" },
])("$text is no id: it is $why", ({ text }) => {
  assert.equal(isId(text.slice(0, 3) as IdKind, text), false);
  assert.throws(() => sequenceOf(text), TypeError);
});

Deno.test("the id that the refused ones are twisted from is one", () => {
  assert.ok(isId("tsk", "tsk_01kdvzzk00e008000000000000"));
  assert.equal(isId("bat", "tsk_01kdvzzk00e008000000000000"), false);
});

Deno.test("whatever text comes, isId() is true exactly when sequenceOf() has a safe number", () => {
  const letter = fc.constantFrom(..."0123456789abcdefghjkmnpqrstvwxyz");
  const aText = fc.array(letter, { minLength: 26, maxLength: 26 }).map((l) => `tsk_${l.join("")}`);
  fc.assert(fc.property(fc.oneof(aText, fc.string()), (text) => {
    if (isId("tsk", text)) {
      assert.ok(Number.isSafeInteger(sequenceOf(text)) && sequenceOf(text) >= 0);
    } else if (text.startsWith("tsk_")) assert.throws(() => sequenceOf(text), TypeError);
  }));
});

/** The 128 bits behind an id. */
function uuidOf(id: string): bigint {
  const letters = "0123456789abcdefghjkmnpqrstvwxyz";
  return [...id.slice(4)].reduce((sum, l) => sum * 32n + BigInt(letters.indexOf(l)), 0n);
}
