import assert from "node:assert/strict";
import { Connection } from "../../../../src/queue/postgres/database/connection.ts";
import { parsePostgresUrl } from "../../../../src/queue/postgres/url.ts";
import { hasPostgres, openCluster } from "../../../support/postgres.ts";

Deno.test({
  name: "PostgreSQL reads arrays as they were given",
  ignore: !hasPostgres(),
  async fn() {
    await using cluster = await openCluster();
    const connection = await Connection.open({
      url: parsePostgresUrl(cluster.url()),
      applicationName: "test",
      random: () => 0,
    });
    const texts = [
      "",
      "null",
      "NULL",
      " a ",
      `{"a\\\\":"b\\n"}`,
      "{,}",
      "\\",
      `"`,
      "é\n\t\u{1f600}",
      null,
    ];
    const numbers = [0, -1, 2 ** 53 - 1, null];
    const [row] = await connection.run(
      {
        name: "",
        text: "SELECT $1::text[], $2::bigint[]::text[], $3::boolean[], $4::float8[], $5::int[]",
      },
      texts,
      numbers,
      [true, false, null],
      [0.1, 1e300],
      [],
    );
    await connection.close();
    const [readTexts, readNumbers, ...others] = row ?? [];
    assert.deepEqual(readTexts, texts);
    assert.deepEqual(readNumbers, numbers.map((number) => number === null ? null : String(number)));
    assert.deepEqual(others, [[true, false, null], [0.1, 1e300], []]);
  },
});
