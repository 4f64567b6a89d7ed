/**
 * The data of the list of hooks and of the page of one hook.
 *
 * @module
 */

import { mayOperate } from "../auth/auth.ts";
import { param, query, type RequestContext } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { Refusal } from "../problems.ts";
import { HookContent, HooksContent } from "./hooks.tsx";
import type { MakePage } from "./page.tsx";

const LISTED = 50;

/** Each page by its path. */
export function hookPages(
  { engine, clock, hooks }: Dependencies,
): Readonly<Record<string, MakePage>> {
  function allHooks(context: RequestContext) {
    query(context, []);
    const counted = hooks.list().map((hook) => ({ ...hook, counts: hooks.counts(hook.name) }));
    const content = <HooksContent hooks={counted} />;
    return { title: "Hooks", place: "hooks", content } as const;
  }

  async function oneHook(context: RequestContext) {
    const { cursor } = query(context, ["cursor"]);
    const hook = hooks.find(param(context, "name"));
    if (!hook) throw new Refusal("not_found", "No such hook: hooks are defined in postrider.yaml");
    const page = await engine.deliveries(hook.name, LISTED, cursor).catch((error) => {
      if (error instanceof RangeError) {
        throw new Refusal("not_found", "Unknown cursor: start the list again");
      }
      throw error;
    });
    const operates = mayOperate(context.caller, undefined);
    const content = <HookContent hook={hook} now={clock.now()} operates={operates} {...page} />;
    return { title: `Hook ${hook.name}`, place: "hooks", live: true, content } as const;
  }

  return { "/ui/hooks": allHooks, "/ui/hooks/{name}": oneHook };
}
