/**
 * The data of the pages about the service itself: settings, channels and API keys.
 *
 * @module
 */

import { requireScope } from "../../auth/auth.ts";
import type { KeyUse } from "../../auth/key_use.ts";
import { query, type RequestContext } from "../../context.ts";
import type { Dependencies } from "../../dependencies.ts";
import type { MakePage } from "../page.tsx";
import { ChannelsContent, KeysContent, SettingsContent } from "../pages/service.tsx";

/** Each page by its path. They show how the service is set up, and so need the scope operate. */
export function servicePages(
  dependencies: Dependencies,
  { keyUse }: { readonly keyUse: KeyUse },
): Readonly<Record<string, MakePage>> {
  const { engine, ports, clock, startedAt } = dependencies;

  async function channels(context: RequestContext) {
    const { to } = query(context, ["to"]);
    requireScope(context.caller, "operate");
    const channels = ports.channels();
    const names = new Set(channels.map(({ name }) => name));
    const content = (
      <ChannelsContent
        channels={channels}
        aliases={ports.aliasNames().filter((name) => !names.has(name))}
        pauses={await engine.pauses()}
        now={clock.now()}
        to={to}
        sends={context.caller.scopes.has("notify")}
      />
    );
    return { title: "Channels", place: "settings", scripts: ["send.js"], content } as const;
  }

  function settings(context: RequestContext) {
    query(context, []);
    requireScope(context.caller, "operate");
    const content = (
      <SettingsContent
        shown={ports.settings()}
        reloads={context.caller.scopes.has("admin")}
      />
    );
    return { title: "Settings", place: "settings", content } as const;
  }

  function keys(context: RequestContext) {
    query(context, []);
    requireScope(context.caller, "operate");
    const limits = dependencies.keyLimits();
    const named = Map.groupBy(dependencies.keys(), ({ name }) => name);
    const shown = [...named].map(([name, keys]) => ({
      name,
      secrets: keys.length,
      scopes: [...new Set(keys.flatMap(({ scopes }) => [...scopes]))],
      lastUsed: keyUse.lastUsed(name),
      limits: limits.get(name),
    }));
    const content = <KeysContent keys={shown} now={clock.now()} startedAt={startedAt} />;
    return { title: "API keys", place: "settings", content } as const;
  }

  return { "/ui/settings": settings, "/ui/channels": channels, "/ui/keys": keys };
}
