/**
 * Runs the attack on the guard in a network namespace without a way out, where
 * the private addresses exist.
 *
 * @module
 */

import { ROOT } from "../support/process.ts";
import type { SuiteOptions } from "./attack.ts";
import { HOSTS, PRIVATE_V4 } from "./guard.ts";
import type { Finding } from "./report.ts";

const INSIDE = "POSTRIDER_ATTACK_INSIDE";

/** Whether this process was started in the namespace. */
export function isInNamespace(): boolean {
  return Deno.env.get(INSIDE) === "1";
}

/** What was found in the namespace; `undefined` where none can be made, or within it. */
export async function guardInNamespace(
  { seed, isLong }: SuiteOptions,
): Promise<Finding[] | undefined> {
  if (isInNamespace() || Deno.uid() !== 0) return undefined;
  const hosts = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(hosts, `127.0.0.1 localhost\n${HOSTS.join("\n")}\n`);
    const addresses = PRIVATE_V4.filter((address) => !address.startsWith("127."))
      .map((address) => `ip addr add ${address}/32 dev lo`);
    const script = [
      "ip link set lo up",
      ...addresses,
      "ip -6 addr add fd12:3456::1/128 dev lo",
      `mount --bind ${hosts} /etc/hosts`,
      'exec "$@"',
    ].join(" && ");
    const deno = [Deno.execPath(), "run", "-A", "--cached-only", `${ROOT}tests/attack/main.ts`];
    const args = [
      "--only",
      "guard",
      "--seed",
      String(seed),
      "--json",
      ...(isLong ? ["--long"] : []),
    ];
    const { success, stdout } = await new Deno.Command("unshare", {
      args: ["--net", "--mount", "sh", "-c", script, "sh", ...deno, ...args],
      env: { [INSIDE]: "1" },
      stdout: "piped",
      stderr: "inherit",
    }).output();
    const text = new TextDecoder().decode(stdout);
    const line = text.split("\n").find((line) => line.startsWith("[{"));
    if (line === undefined) {
      // A container without the right to make namespaces: the attack runs on loopback alone.
      if (!success) return undefined;
      throw new Error(`The attack in the namespace printed no findings: ${text}`);
    }
    return JSON.parse(line) as Finding[];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  } finally {
    await Deno.remove(hosts);
  }
}
