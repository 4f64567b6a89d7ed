/**
 * What every engine promises; runs unchanged on each.
 *
 * @module
 */

import { batchContract } from "./contract_batches.ts";
import { claimContract } from "./contract_claims.ts";
import { followUpContract } from "./contract_follow_ups.ts";
import { clockContract } from "./contract_clock.ts";
import { historyContract } from "./contract_history.ts";
import { insertContract } from "./contract_insert.ts";
import { keyContract } from "./contract_keys.ts";
import { listContract } from "./contract_lists.ts";
import { modelContract } from "./contract_model.ts";
import { ownerContract } from "./contract_owners.ts";
import { pauseContract } from "./contract_pauses.ts";
import { sessionContract } from "./contract_sessions.ts";
import { stateContract } from "./contract_states.ts";
import { cancelRetryContract } from "./contract_cancel_retry.ts";
import { triggerContract } from "./contract_triggers.ts";
import type { OpenEngine } from "./world.ts";

/** Registers the tests for an engine. */
export function engineContract(name: string, open: OpenEngine): void {
  insertContract(name, open);
  historyContract(name, open);
  sessionContract(name, open);
  claimContract(name, open);
  clockContract(name, open);
  batchContract(name, open);
  keyContract(name, open);
  cancelRetryContract(name, open);
  listContract(name, open);
  followUpContract(name, open);
  triggerContract(name, open);
  modelContract(name, open);
  stateContract(name, open);
  pauseContract(name, open);
  ownerContract(name, open);
}
