/** A thread of channels, armed. */

import { serveChannels } from "../../src/channels/thread/thread_port.ts";
import { armed } from "./failpoint.ts";

serveChannels(armed());
