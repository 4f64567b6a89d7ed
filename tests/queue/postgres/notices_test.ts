import assert from "node:assert/strict";
import { type Notice, Notices } from "../../../src/queue/postgres/nodes/notices.ts";
import { parsePostgresUrl } from "../../../src/queue/postgres/url.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { hasPostgres, openCluster } from "../../support/postgres.ts";

Deno.test({
  name: "notices are sent once commits pause, and under constant load as well",
  ignore: !hasPostgres(),
  async fn() {
    await using cluster = await openCluster();
    const clock = new FakeClock();
    const sent: Promise<unknown>[] = [];
    const received: Notice[] = [];
    const open = async (node: number) => {
      const notices = new Notices({
        connection: {
          url: parsePostgresUrl(cluster.url()),
          applicationName: "test",
          random: () => 0,
        },
        schema: "postrider",
        clock,
        node: () => node,
        onNotice: (notice) => received.push(notice),
        inBackground: (work) => sent.push(work),
      });
      await notices.connect();
      await notices.listen();
      return notices;
    };
    const [sender, receiver] = [await open(1), await open(2)];
    sender.due(1, 5, 0);
    sender.changed();
    await clock.advance(4);
    assert.equal(sent.length, 0);
    await clock.advance(1);
    assert.equal(sent.length, 1);
    for (let times = 0; times < 14; times++) {
      sender.due(2, 5, times);
      sender.changed();
      await clock.advance(4);
    }
    assert.equal(sent.length, 3);
    await Promise.all(sent);
    // A notification precedes the response to what its receiver asks later.
    await receiver.reserve("any");
    assert.deepEqual(received.map(({ due }) => due), [[[1, 5, 0]], [[2, 5, 0]], [[2, 5, 7]]]);
    await sender.close();
    await receiver.close();
  },
});
