/**
 * The entry module of a channel thread.
 *
 * @module
 */

import { noFailpoints } from "../../lib/failpoints.ts";
import { serveChannels } from "./thread_port.ts";

serveChannels(noFailpoints);
