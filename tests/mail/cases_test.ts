/**
 * Mistakes that users of other systems report, each tried here: what is right, and
 * what was seen. The test prints them as one table.
 *
 * @module
 */

import assert from "node:assert/strict";
import { needsRoot } from "../support/needs.ts";
import { say } from "../bench/table.ts";
import { CHAT_CASES } from "./cases/chat.ts";
import { MAIL_CASES } from "./cases/mail.ts";
import { RELAY_CASES } from "./cases/relays.ts";
import { SERVICE_CASES } from "./cases/service.ts";

/** Every case that must be in the table. */
const IDS = [
  ...Array.from({ length: 23 }, (_, i) => `M${i + 1}`).filter((id) => id !== "M15"),
  ...["X3", "X4", "X5", "X6", "X7", "X8", "X9", "X10", "X11", "X15"],
];

Deno.test(
  "the cases of mail and chat, as a table",
  needsRoot("dkimverify", "node", "openssl", "unshare"),
  async (t) => {
    const cases = [...CHAT_CASES, ...MAIL_CASES, ...RELAY_CASES, ...SERVICE_CASES]
      .sort((a, b) => rankOf(a.id) - rankOf(b.id));
    const rows: string[] = [];
    for (const { id, kind, right, run } of cases) {
      await t.step(`${id}: ${kind}`, async () => {
        let seen = "nothing: it threw";
        try {
          seen = await run();
        } finally {
          const isRight = seen === right;
          rows.push(
            `| ${id} | ${[kind, right, seen, isRight ? "✓" : "✗"].map(cell).join(" | ")} |`,
          );
        }
        assert.equal(seen, right);
      });
    }
    say("", "| case | kind | right | seen | ok |", "|---|---|---|---|---|", ...rows);
    assert.deepEqual([...new Set(cases.map(({ id }) => id))].sort(), [...IDS].sort());
  },
);

function rankOf(id: string): number {
  return (id.startsWith("X") ? 100 : 0) + Number(id.slice(1));
}

/** A cell of a Markdown table. */
function cell(text: string): string {
  const line = text.replaceAll("|", "\\|").replace(/\s+/g, " ");
  return line.length > 100 ? `${line.slice(0, 100)}…` : line;
}
