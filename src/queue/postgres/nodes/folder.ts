/**
 * Whether this node sees the same folder as the other nodes.
 *
 * The folder holds a mark, a random text, which the database knows as well. A
 * node that finds another mark, or none, has a folder of its own. Where no live
 * node sees the marked folder, the next one that asks marks its own.
 *
 * @module
 */

import type { MarkedFolder } from "../../cluster.ts";
import type { Pool } from "../database/pool.ts";
import { NODES_LOCK } from "../database/schema.ts";

/** A node that only accepts saves nothing, so its folder does not bind one that attempts. */
const OTHERS = `
  SELECT count(*) FROM @.node o, @.node n
   WHERE o.folder = $1 AND o.id <> n.id AND n.id = $2
     AND (o.report::json->>'role' <> 'api' OR n.report::json->>'role' = 'api')`;

/** Agrees with the other nodes on a folder; `true` when it is the one that this node sees. */
export async function agreeOnFolder(
  pool: Pool,
  schema: string,
  node: number,
  folder: MarkedFolder,
): Promise<boolean> {
  const { mark } = folder;
  const [known] = await pool.use((session) =>
    session.run(
      {
        name: "folder",
        text:
          `SELECT s.folder, n.folder FROM ${schema}.state s LEFT JOIN ${schema}.node n ON n.id = $1`,
      },
      node,
    )
  );
  if (mark !== undefined && known?.[0] === mark && known[1] === mark) return true;
  const isShared = await pool.transaction(async (session) => {
    const run = async (text: string, ...values: readonly unknown[]) =>
      (await session.run({ name: "", text: text.replaceAll("@.", `${schema}.`) }, ...values))[0];
    await run(`SELECT pg_advisory_xact_lock(${NODES_LOCK})`);
    const [stored] = await run("SELECT folder FROM @.state") ?? [];
    let agreed = stored;
    if (mark === undefined || stored !== mark) {
      const [others] = await run(OTHERS, stored, node) ?? [];
      agreed = others > 0 ? undefined : crypto.randomUUID();
      if (agreed !== undefined) {
        await folder.write(agreed);
        await run("UPDATE @.state SET folder = $1", agreed);
      }
    }
    await run("UPDATE @.node SET folder = $1 WHERE id = $2", agreed ?? null, node);
    return agreed !== undefined;
  });
  return isShared === true;
}
