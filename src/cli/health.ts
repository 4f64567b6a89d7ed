/**
 * The health check of the container: asks the local service for `/livez`.
 *
 * It is a separate program, because the container engine starts it every 30 seconds
 * and it needs permission for one address and one variable only.
 *
 * @module
 */

const DEFAULT_PORT = "8000";

/** Whether the service on this port of this machine is healthy; never rejects. */
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
