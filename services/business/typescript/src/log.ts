/** The log of a service: lines on standard output, which go into the host's log. */
import { debuglog } from "node:util";

export const log = {
  error: (...parts: unknown[]) => write("ERROR", parts),
  warning: (...parts: unknown[]) => write("WARNING", parts),
  info: (...parts: unknown[]) => write("INFO", parts),
  /** Shown with NODE_DEBUG=hotpair. */
  debug: debuglog("hotpair"),
};

function write(level: string, parts: unknown[]): void {
  console.log(level, ...parts.map((part) => (part instanceof Error ? (part.stack ?? String(part)) : part)));
}
