/**
 * The routes of the dashboard, and who may see each page.
 *
 * `data/` reads what a page shows, `pages/` makes its HTML.
 *
 * @module
 */

import type { LongTasks } from "../streams/long_tasks.ts";
import { seenTask } from "../auth/access.ts";
import { type Authenticate, requireScope } from "../auth/auth.ts";
import type { RequestContext } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import type { Route } from "../route.ts";
import { batchPages } from "./data/batch_pages.tsx";
import { furtherPages } from "./data/further_pages.tsx";
import { hookPages } from "./data/hook_pages.tsx";
import { imageOf } from "./image.ts";
import { lanesPage } from "./data/lanes_page.tsx";
import { pulses } from "./live.ts";
import { mailPage } from "./mail.ts";
import { overviewPage, type OverviewParts } from "./data/overview_page.tsx";
import { type BeginPage, type Frame, LastChange, type MakePage } from "./page.tsx";
import { refusePage, respondInParts, respondPage } from "./respond.tsx";
import type { KeyUse } from "../auth/key_use.ts";
import { schedulePages } from "./data/schedule_pages.tsx";
import { sendPage } from "./data/send_page.tsx";
import { servicePages } from "./data/service_pages.tsx";
import { taskList, taskPages } from "./data/task_pages.tsx";

/** What the pages need besides the dependencies of the API. */
export interface PageParts extends OverviewParts {
  /** Identifies the caller. */
  readonly authenticate: Authenticate;
  /** When each API key was last used. */
  readonly keyUse: KeyUse;
  /** Reads long tasks. */
  readonly longTasks: LongTasks;
}

/** The routes of the pages. */
export function pageRoutes(dependencies: Dependencies, own: PageParts): Route[] {
  const { engine, version } = dependencies;
  const pages: Readonly<Record<string, MakePage>> = {
    "/": overviewPage(dependencies, own),
    ...taskPages(dependencies, own.longTasks),
    ...batchPages(dependencies),
    "/ui/lanes": lanesPage(dependencies),
    ...hookPages(dependencies),
    ...schedulePages(dependencies),
    ...furtherPages(dependencies),
    ...servicePages(dependencies, own),
  };

  /** A page for callers with the scope; without a session it redirects to the sign-in page. */
  function route(
    path: string,
    answer: (context: RequestContext) => Promise<Response>,
    scope = true,
  ): Route {
    return {
      method: "GET",
      path,
      open: true,
      answer: async (context) => {
        try {
          const caller = own.authenticate(context.request, context);
          if (scope) requireScope(caller, "read");
          return await answer({ ...context, caller });
        } catch (error) {
          return refusePage(context, error, dependencies);
        }
      },
    };
  }

  // The last change is read before the page, so that the live stream reports what follows.
  const page = (path: string, make: MakePage, scope?: boolean) =>
    route(path, async (context) => {
      const change = await engine.lastChange();
      const { content, ...frame } = await make(context);
      const mark = frame.live ? <LastChange change={change} /> : null;
      const whole: Frame = { ...frame, caller: context.caller, version };
      return respondPage(context, 200, whole, <>{content}{mark}</>);
    }, scope);

  const pageInParts = (path: string, begin: BeginPage) =>
    route(path, async (context) => {
      const { content, rest, ...frame } = await begin(context);
      const whole: Frame = { ...frame, caller: context.caller, version };
      return respondInParts(context, whole, content, async () => {
        const change = await engine.lastChange();
        return (
          <>
            {await rest()}
            <LastChange change={change} />
          </>
        );
      }, dependencies);
    });

  return [
    ...Object.entries(pages).map(([path, make]) => page(path, make)),
    pageInParts("/ui/tasks", taskList(dependencies)),
    page("/ui/send", sendPage(dependencies, own.longTasks), false),
    {
      method: "GET",
      path: "/ui/tasks/{id}/mail",
      answer: async (context) => mailPage(context, await seenTask(engine, context)),
    },
    {
      method: "GET",
      path: "/ui/tasks/{id}/image",
      answer: async (context) =>
        imageOf(context, await seenTask(engine, context), dependencies.ports),
    },
    { method: "GET", path: "/ui/live", answer: (context) => pulses(dependencies, context) },
  ];
}
