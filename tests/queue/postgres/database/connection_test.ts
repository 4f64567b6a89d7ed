import assert from "node:assert/strict";
import { EngineAwayError, EngineError } from "../../../../src/queue/errors.ts";
import { Connection, type Statement } from "../../../../src/queue/postgres/database/connection.ts";
import { parsePostgresUrl } from "../../../../src/queue/postgres/url.ts";
import { needs } from "../../../support/needs.ts";
import { hasPostgres, openCluster } from "../../../support/postgres.ts";

const ignore = !hasPostgres() || needs("openssl").ignore;
const ONE: Statement = {
  name: "one",
  text: "SELECT 1, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
};

function open(url: string, ca?: string): Promise<Connection> {
  return Connection.open({
    url: parsePostgresUrl(url),
    applicationName: "test",
    random: Math.random,
    ...(ca === undefined ? {} : { ca }),
  });
}

Deno.test({
  name: "a connection is encrypted and its server verified as sslmode says",
  ignore,
  fn: async () => {
    await using cluster = await openCluster({ tls: true });
    await using other = await openCluster({ tls: true });
    const url = (sslmode: string, host = "localhost") =>
      cluster.url({ sslmode }).replace("127.0.0.1", host);
    const isEncrypted = async (url: string, ca?: string) => {
      const connection = await open(url, ca);
      const [row] = await connection.run(ONE);
      await connection.close();
      return row?.[1];
    };
    assert.equal(await isEncrypted(url("disable")), false);
    assert.equal(await isEncrypted(url("prefer")), true);
    assert.equal(await isEncrypted(url("require")), true);
    assert.equal(await isEncrypted(url("verify-ca", "127.0.0.1"), cluster.ca), true);
    assert.equal(await isEncrypted(url("verify-full"), cluster.ca), true);
    await assert.rejects(open(url("verify-full"), other.ca), EngineAwayError);
    await assert.rejects(open(url("verify-full", "127.0.0.1"), cluster.ca), EngineAwayError);
    await assert.rejects(open(url("verify-full")), EngineAwayError);
  },
});

Deno.test({
  name: "a server without TLS is refused where TLS is required, and taken where it is preferred",
  ignore,
  fn: async () => {
    await using cluster = await openCluster();
    await assert.rejects(open(cluster.url({ sslmode: "require" })), EngineError);
    const connection = await open(cluster.url({ sslmode: "prefer" }));
    assert.deepEqual(await connection.run(ONE), [[1, false]]);
    await connection.close();
  },
});

Deno.test({
  name: "a connection that failed once is never used again",
  ignore,
  fn: async () => {
    await using cluster = await openCluster();
    const connection = await open(cluster.url());
    await cluster.stop("immediate");
    await assert.rejects(connection.run(ONE), EngineAwayError);
    await cluster.start();
    assert.equal(connection.isUsable, false);
    await assert.rejects(connection.run(ONE), EngineAwayError);
    connection.destroy();
  },
});
