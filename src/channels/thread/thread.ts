/**
 * The entry of a thread of channels.
 *
 * @module
 */

import { noFailpoints } from "../../lib/failpoints.ts";
import { serveChannels } from "./thread_port.ts";

serveChannels(noFailpoints);
