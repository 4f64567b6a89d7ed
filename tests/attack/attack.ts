/**
 * The attacks by name, and how they are run.
 *
 * @module
 */

import { bombs } from "./bombs.ts";
import { canaries } from "./canaries.ts";
import { guard } from "./guard.ts";
import { inbound } from "./inbound.ts";
import { injection } from "./injection.ts";
import { keys } from "./keys.ts";
import { guardInNamespace, isInNamespace } from "./namespace.ts";
import { permissions } from "./permissions.ts";
import { type Finding, pageOf } from "./report.ts";
import { sockets } from "./sockets.ts";
import { submits } from "./submits.ts";
import { openWorld } from "./world.ts";
import { seeded } from "../support/seeded.ts";

/** How an attack is run. */
export interface AttackOptions {
  readonly seed: number;
  /** Takes minutes instead of seconds, and insists on the measured goals. */
  readonly isLong: boolean;
  readonly say: (text: string) => void;
}

/** What a suite gets. */
export interface SuiteOptions extends AttackOptions {
  /** In [0, 1), from the seed. */
  readonly random: () => number;
}

/** All suites. */
export const SUITES: Readonly<Record<string, (options: SuiteOptions) => Promise<Finding[]>>> = {
  async guard(options) {
    const inside = await guardInNamespace(options);
    if (inside) return inside;
    const { random, isLong } = options;
    const spellings = isLong ? 1_000_000 : 50_000;
    return await guard({ random, spellings, inNamespace: isInNamespace() });
  },
  async inbound({ isLong, random }) {
    await using world = await openWorld();
    return await inbound(world, { count: isLong ? 1_000_000 : 2_000, random });
  },
  sockets: ({ isLong }) => sockets({ count: isLong ? 10_000 : 500 }),
  submits: () => submits(),
  permissions: () => permissions(),
  keys: () => keys(),
  canaries: () => canaries(),
  async injection({ isLong, random }) {
    await using world = await openWorld();
    return await injection(world, { count: isLong ? 20_000 : 500, random });
  },
  async bombs({ isLong, random, say }) {
    await using world = await openWorld();
    return await bombs(world, { forMs: isLong ? 60_000 : 20_000, random, say });
  },
};

/** Runs suites one after the other; prints a page for each. */
export async function attack(
  { only, ...options }: AttackOptions & { only: readonly string[] },
): Promise<Finding[]> {
  const all: Finding[] = [];
  for (const name of only) {
    const suite = SUITES[name];
    if (!suite) throw new TypeError(`Cannot run "${name}": expected one of ${Object.keys(SUITES)}`);
    const findings = await suite({ ...options, random: seeded(options.seed) });
    options.say(pageOf(name, findings));
    all.push(...findings);
  }
  return all;
}
