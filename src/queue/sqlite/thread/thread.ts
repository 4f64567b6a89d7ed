/**
 * The entry of the queue's thread.
 *
 * @module
 */

import { noFailpoints } from "../../../lib/failpoints.ts";
import { serveQueue } from "./thread_server.ts";

serveQueue(noFailpoints);
