/** The queue's thread, armed. */

import { serveQueue } from "../../src/queue/sqlite/thread/thread_server.ts";
import { armed } from "./failpoint.ts";

serveQueue(armed());
