/**
 * Loaded before a service under attack: measures what its main thread does in
 * one turn of the event loop, in CPU time, which other programs do not lengthen.
 * SIGUSR1 has it print the longest turn since the last signal.
 *
 * @module
 */

const schedstat = Deno.openSync(`/proc/self/task/${Deno.pid}/schedstat`);
const buffer = new Uint8Array(64);

/** CPU time of the main thread, in milliseconds. */
function cpuMs(): number {
  schedstat.seekSync(0, Deno.SeekMode.Start);
  const length = schedstat.readSync(buffer) ?? 0;
  return Number(new TextDecoder().decode(buffer.subarray(0, length)).split(" ")[0]) / 1e6;
}

let last = cpuMs();
let longest = 0;
let asked = 0;

function turn(): void {
  const next = cpuMs();
  longest = Math.max(longest, next - last);
  last = next;
  Deno.unrefTimer(setTimeout(turn, 1));
}

turn();
Deno.addSignalListener("SIGUSR1", () => {
  const line = `longest turn ${++asked}: ${longest.toFixed(1)} ms\n`;
  Deno.stderr.writeSync(new TextEncoder().encode(line));
  longest = 0;
});
