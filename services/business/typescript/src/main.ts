/** A service as a program. */
import { Interrupt, Misuse } from "./errors.js";
import { words } from "./json.js";
import { log } from "./log.js";
import { Process } from "./process.js";
import type { Service } from "./service.js";
import { watch } from "./watchdog.js";

/** Serves until SIGTERM, then ends the process: with 0, or with 1 and a message after a fault. */
export async function main(service: Service): Promise<void> {
  const end = (code: number, why?: unknown): never => {
    if (why !== undefined) {
      process.stderr.write(`${service.name} can't continue: ${words(why)}\n`);
    }
    process.exit(code); // although a handler may not have returned
  };
  // A promise that nobody waited for has failed: its request, if any, goes on without it.
  process.on("unhandledRejection", (reason) => {
    if (!(reason instanceof Interrupt || reason instanceof Misuse)) { // which the transaction keeps in mind
      log.error("a rejected promise was not awaited; an await is missing", reason);
    }
  });
  // After this nobody knows what state the process is in. main starts another one.
  process.on("uncaughtException", (error) => {
    log.error("uncaught exception outside a handler, such as in a timer or an event", error);
    end(1, error);
  });
  try {
    const run = new Process(service, process.env);
    process.on("SIGTERM", () => run.stop());
    process.on("SIGINT", () => run.stop());
    watch(service.name);
    await run.run();
  } catch (error) {
    end(1, error);
  }
  end(0);
}
