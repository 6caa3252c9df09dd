/** A service that counts. Begin here: give it your name, and your operations. */
import { integer, Malformed, NotFound, Service, text } from "hotpair";

export const service = new Service("counter", { version: "0.1.0", description: "counts by name" });

service.operation("add", { name: text(), by: integer(1) }, async (tx, q) => {
  if (q.by <= 0) {
    throw new Malformed('field "by" must be 1 or more');
  }
  const count = ((await tx.get(q.name)).value ?? 0) + q.by;
  tx.put(q.name, count);
  return { count };
});

service.query("look", { name: text() }, async (tx, q) => {
  const item = await tx.get(q.name);
  if (!item.found) {
    throw new NotFound(`nothing was counted for ${q.name}`);
  }
  return { count: item.value };
});
