import assert from "node:assert/strict";
import { ClaimRounds, type ClaimRoundsParts } from "../../../src/queue/postgres/claim_rounds.ts";
import { Hints } from "../../../src/queue/postgres/hints.ts";

Deno.test("a task that is offered while the heads of its lane are read is not forgotten", async () => {
  const hints = new Hints();
  hints.offer(1, 5, 0);
  const unit = {
    now: 1,
    pauses: {},
    loadPauses: () => Promise.resolve(),
    lockLanes: (names: string[]) => Promise.resolve(names),
    scheduler: { roomOf: () => 0, opensAt: () => 1 },
  };
  const session = {
    run: () => {
      // The query has seen an empty lane; meanwhile a task was inserted.
      rounds.offer(1, 5, 1);
      return Promise.resolve([[1, 5, null]]);
    },
  };
  const rounds: ClaimRounds = new ClaimRounds(
    {
      hints,
      hasLostContact: () => false,
      claims: () => ({
        use: (work: (s: unknown) => unknown) => work(session),
        transaction: (work: (s: unknown) => unknown) => work(session),
      }),
      db: {
        now: () => 1,
        sql: {},
        unit: () => unit,
        noteHealth: () => {},
        lanes: { name: String, read: () => Promise.resolve() },
      },
    } as unknown as ClaimRoundsParts,
  );
  await rounds.run(hints.due(1, 8), 1);
  assert.deepEqual(hints.due(1, 8), [{ lane: 1, priority: 5, head: 1 }]);
});
