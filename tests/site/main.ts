/**
 * `deno task site`: the small site on port 9000, until it is stopped.
 *
 * @module
 */

import { openSite } from "./site.ts";

const { host } = openSite(9_000);
Deno.stdout.writeSync(new TextEncoder().encode(`http://${host}\n`));
