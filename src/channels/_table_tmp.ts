import { openGuard } from "./guard.ts"; import { openHttpChannel } from "./http.ts"; import { openOutbox } from "./outbox.ts"; import { systemClock } from "../lib/clock.ts";
export default (s: any) => new Map<string, any>([["http", openHttpChannel({ guard: openGuard({ allow: s.fetchAllow, self: s.self }), version: s.version, clock: systemClock })], ["email", openOutbox(s.mail)]]);
