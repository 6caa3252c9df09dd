/** A service whose requests take as long as they say. */
import { setTimeout } from "node:timers/promises";
import { number, Service } from "hotpair";

const service = new Service("slow");

service.operation("wait", { seconds: number() }, async (tx, q) => {
  await setTimeout(q.seconds * 1000);
  tx.put("waited", q.seconds);
  return { waited: q.seconds };
});

await service.run();
