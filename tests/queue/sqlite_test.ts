import { openSqliteEngine } from "../../src/queue/sqlite/engine.ts";
import { engineContract } from "./contract.ts";

engineContract("sqlite", async (options) => {
  const folder = await Deno.makeTempDir();
  const engine = await openSqliteEngine({ ...options, path: `${folder}/q.db`, ballastBytes: 0 });
  const close = engine[Symbol.asyncDispose].bind(engine);
  engine[Symbol.asyncDispose] = async () => {
    await close();
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  };
  return engine;
});
