import assert from "node:assert/strict";
import fc from "fast-check";
import { z } from "zod";
import { runs } from "../../support/runs.ts";
import { parserOfGiven } from "../../../src/task/input/given_fields.ts";
import { fetchFields } from "../../../src/task/input/fetch.ts";
import { notifyFields } from "../../../src/task/input/notify.ts";

const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  to: ["ada@example.org", ["ada@example.org", "bob@example.org"], []],
  url: ["https://example.org/", ""],
  priority: [0, 9, 10, 1.5],
  tags: [["a", "a", "b"], ["a\nb"], []],
  attachments: [[{ filename: "a.txt", content: "YQ==" }], [{ content: "YQ==", size: 1 }], {}],
  headers: [{ "X-Build": "42" }, { "X-Build": 42 }],
  retry: [3, "5s, 1m", 1_000],
  data: [{ name: "Ada" }],
  unknown: [1],
  "to,url": [1],
  ["__proto__"]: ["ada"],
};

/** A body with some of the fields, in any order, each with a right or a wrong value. */
function bodies(fields: object): fc.Arbitrary<Record<string, unknown>> {
  const names = [...new Set([...Object.keys(fields), ...Object.keys(VALUES)])];
  const member = fc.constantFrom(...names).chain((name) =>
    fc.tuple(
      fc.constant(name),
      fc.constantFrom(...VALUES[name] ?? [], "text", true, 1, null, undefined, [], {}),
    )
  );
  return fc.array(member, { maxLength: 8 }).map((members) =>
    JSON.parse(
      `{${
        members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value ?? null)}`)
      }}`,
    )
  );
}

Deno.test.each([
  { name: "notify", fields: notifyFields as z.ZodRawShape },
  { name: "fetch", fields: fetchFields as z.ZodRawShape },
])("a body of $name is checked as by the whole schema", ({ fields }) => {
  const whole = z.strictObject(fields, { error: "Expected a JSON object" });
  const parse = parserOfGiven(whole);
  fc.assert(
    fc.property(bodies(fields), (body) => {
      const expected = whole.safeParse(body);
      for (const found of [parse(body), parse(body)]) {
        assert.deepEqual(found.data, expected.data);
        assert.deepEqual(found.error?.issues, expected.error?.issues);
      }
    }),
    { numRuns: runs(300, 5_000) },
  );
});

Deno.test("a required field is missed although only given fields are checked", () => {
  const parse = parserOfGiven(z.strictObject({ url: z.string(), delay: z.string().optional() }));
  assert.equal(parse({ delay: "1h" }).error?.issues[0]?.path[0], "url");
  assert.equal(parse({}).error?.issues[0]?.path[0], "url");
  assert.deepEqual(parse({ delay: "1h", url: "/" }).data, { url: "/", delay: "1h" });
});
