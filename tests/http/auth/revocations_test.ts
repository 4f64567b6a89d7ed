import assert from "node:assert/strict";
import { keyOf, parseApiKeys } from "../../../src/http/auth/auth.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { openRevocations } from "../../../src/http/auth/revocations.ts";

Deno.test("streams end with their secret or a change of its scopes, and not by any other change", () => {
  let keys = parseApiKeys("ada:first,ada:second,eye:third:read,bob:fourth");
  const closing = new AbortController();
  const revocations = openRevocations(() => keys, closing.signal, new FakeClock());
  const callers = ["first", "second", "third", "fourth"].map((secret) => keyOf(secret, keys)!);
  const signals = callers.map((caller) => revocations.signalFor(caller));
  const aborted = () => signals.map((signal) => signal.aborted);
  revocations.check();
  assert.deepEqual(aborted(), [false, false, false, false]);
  keys = parseApiKeys("eye:third:fetch,bob:fourth,ada:second,new:fifth");
  revocations.check();
  assert.deepEqual(aborted(), [true, false, true, false]);
  // A request that came before the change and opens its stream after it.
  assert.equal(revocations.signalFor(callers[0]!).aborted, true);
  closing.abort();
  assert.deepEqual(aborted(), [true, true, true, true]);
  assert.equal(revocations.signalFor({ scopes: new Set() }), closing.signal);
});

Deno.test("streams end with the session that they were opened in, and not with others of its key", () => {
  const keys = parseApiKeys("ada:first");
  const signedOut = new Set<string>();
  const clock = new FakeClock();
  const session = (id: string) => ({ id, endsAt: clock.now() + 1_000 });
  const revocations = openRevocations(
    () => keys,
    new AbortController().signal,
    clock,
    (session) => signedOut.has(session),
  );
  const caller = keyOf("first", keys)!;
  const signals = ["one", "two", undefined].map((id) =>
    revocations.signalFor(caller, id === undefined ? undefined : session(id))
  );
  signedOut.add("one");
  revocations.check();
  assert.deepEqual(signals.map(({ aborted }) => aborted), [true, false, false]);
  assert.equal(revocations.signalFor(caller, session("one")).aborted, true);
});
