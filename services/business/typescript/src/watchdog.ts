/**
 * Kills a process whose handler blocks its thread for too long.
 *
  * There is one thread: while a handler computes, neither requests nor the order to end are handled. A second thread detects that
  * and kills the process, so that main starts another one.
 */
import { Worker } from "node:worker_threads";
import { log } from "./log.js";

const PATIENCE = 30_000;
const LOOKS = 10;

const WATCH = `
const { workerData } = require("node:worker_threads");
const { writeSync } = require("node:fs");
const count = new Int32Array(workerData.shared);
for (let seen = -1, missed = 0; missed < workerData.beats; ) { // one by one, for the whole process may have been stopped meanwhile
  Atomics.wait(count, 1, 0, workerData.every);
  const now = Atomics.load(count, 0);
  missed = now === seen ? missed + 1 : 0;
  seen = now;
}
writeSync(2, workerData.said);
process.kill(process.pid, "SIGKILL");
`;

/** Watches from now on. What is returned ends it. */
export function watch(name: string, patience = PATIENCE): () => void {
  const shared = new SharedArrayBuffer(8);
  const count = new Int32Array(shared);
  const said = `${name} is stuck: a handler has blocked the only thread for ${patience / 1000} s, so this process is killed\n`;
  const workerData = { shared, beats: LOOKS, every: patience / LOOKS, said };
  const worker = new Worker(WATCH, { eval: true, execArgv: [], workerData, resourceLimits: { maxOldGenerationSizeMb: 16 } });
  worker.on("error", (error) => log.warning("the watchdog for handlers that block the thread has failed", error));
  worker.unref();
  const beat = setInterval(() => Atomics.add(count, 0, 1), patience / LOOKS / 4).unref();
  return () => {
    clearInterval(beat);
    void worker.terminate();
  };
}
