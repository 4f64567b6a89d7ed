/**
 * `POST /admin/reload`.
 *
 * @module
 */

import { requireScope } from "./auth.ts";
import { answer, query } from "./call.ts";
import type { AppParts } from "./parts.ts";
import { refuseFaults } from "./problems.ts";
import type { Route } from "./route.ts";

/** The routes that change the service itself. */
export function adminRoutes({ reload }: AppParts): Route[] {
  return [{
    method: "POST",
    path: "/admin/reload",
    answer: async (call) => {
      requireScope(call.caller, "admin");
      query(call, []);
      const faults = await reload();
      if (faults.length > 0) throw refuseFaults(faults);
      return answer(call, 200, { reloaded: true });
    },
  }];
}
