import type {
  FetchRequest,
  FilterRequest,
  NotifyRequest,
  SubmitRequest,
} from "../../../src/task/api/requests.ts";
import type { TaskSummaryResponse } from "../../../src/task/api/responses.ts";
import type { fetchFields } from "../../../src/task/input/fetch.ts";
import type { notifyFields } from "../../../src/task/input/notify.ts";
import type { optionFields } from "../../../src/task/input/options.ts";
import type { ShownField, TaskSummary } from "../../../src/task/task.ts";
import type { TaskFilter } from "../../../src/queue/engine.ts";
import type { TASK_FILTERS } from "../../../src/http/request/task_filter.ts";

/** The names that only one of two objects has. */
type Difference<One, Other> = Exclude<keyof One, keyof Other> | Exclude<keyof Other, keyof One>;

/** Does not compile unless `Names` is empty; the error lists the names. */
function assertNone<_Names extends never>(): void {}

Deno.test("the types of requests name the fields that their schemas take, and no others", () => {
  assertNone<Difference<SubmitRequest, typeof optionFields>>();
  assertNone<Difference<NotifyRequest, typeof notifyFields>>();
  assertNone<Difference<FetchRequest, typeof fetchFields>>();
  assertNone<Difference<FilterRequest, typeof TASK_FILTERS>>();
});

Deno.test("every filter of an engine has a query parameter", () => {
  type Parsed<Field extends { parse(value: string, now: number): unknown }> = Exclude<
    ReturnType<Field["parse"]>,
    string
  >;
  type ParsedName<Union> = Union extends unknown ? keyof Union : never;
  type Parameters = (typeof TASK_FILTERS)[keyof FilterRequest];
  assertNone<Exclude<keyof TaskFilter, ParsedName<Parsed<Parameters>>>>();
});

Deno.test("the type of a task in a response names the fields that are shown, and no others", () => {
  assertNone<Difference<TaskSummaryResponse, Pick<TaskSummary, ShownField> & { host?: string }>>();
});
