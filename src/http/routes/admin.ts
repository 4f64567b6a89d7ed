/**
 * `POST /admin/reload`.
 *
 * @module
 */

import { requireScope } from "../auth/auth.ts";
import { query, respond } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { refuseIssues } from "../problems.ts";
import type { Route } from "../route.ts";

/** Routes for administrators. */
export function adminRoutes({ reload }: Dependencies): Route[] {
  return [{
    method: "POST",
    path: "/admin/reload",
    answer: async (context) => {
      requireScope(context.caller, "admin");
      query(context, []);
      const issues = await reload();
      if (issues.length > 0) throw refuseIssues(issues);
      return respond(context, 200, { reloaded: true });
    },
  }];
}
