/**
 * Asks the service on this machine whether it lives: the container's health check.
 *
 * A program of its own, because what a container engine starts every half
 * minute needs one address and one variable, and nothing else.
 *
 * @module
 */

const DEFAULT_PORT = "8000";

/** Whether the service on this port of this machine says that it lives; never rejects. */
export async function isAlive(port: string): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/livez`);
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

if (import.meta.main) {
  Deno.exit(await isAlive(Deno.env.get("POSTRIDER_PORT") || DEFAULT_PORT) ? 0 : 1);
}
