/**
 * The service that sells seats: an example of what a service can do, and the same as package tickets in Go.
 *
 *     reserve {seat, customer, seconds} → {seat, state, customer, until}   for 600 seconds if none are said; again for longer
 *     sell    {seat, customer}          → {seat, state, customer}          what is free, or reserved for the customer
 *     give    {seat, customer}          → {seat, state}                    gives a reservation back
 *     look    {seat}                    → {seat, state, customer, until, released}
 *     find    {customer, after}         → {seats, more}                    of the customer, in the order of their names
 *     account {target}                  → {target}                         accounting is told there from now on; "" tells nobody
 *
 * A reservation ends by itself: it sets a timer, whose run frees the seat. Selling and giving back take the timer away, in the update that
 * changes the seat, so no seat that is sold is ever freed. Boards at all terminals are told what is sold and what is free again, and
 * accounting, once it has a target, of each seat in order, in the update that makes it so. Seats are found by customer over keys of their own,
 * which are written in the same update. What is stored is what the service in Go stores: either goes on where the other ended.
 */
import { ALL, Conflict, integer, Malformed, Service, text, type Tx } from "hotpair";

const MAX_NAME = 64; // of seats and customers, in bytes
const RESERVED = 600;
const LONGEST = 24 * 3600;
const FOUND = 200; // seats of one answer
const TOLD = "accounting"; // the key that has the target

interface Seat {
  seat: string;
  state: "free" | "reserved" | "sold";
  customer?: string;
  until?: string;
  released?: number;
}

const Request = { seat: text(""), customer: text("") };

export const service = new Service("tickets", { version: "1.0.0", description: "sells and reserves seats" });

service.operation("reserve", { ...Request, seconds: integer(0) }, async (tx, q) => {
  if (q.seconds < 0 || q.seconds > LONGEST) {
    throw new Malformed(`field "seconds" must be 1 to ${LONGEST}`);
  }
  const ms = (q.seconds || RESERVED) * 1000;
  const seat = await forCustomer(tx, q.seat, q.customer);
  if (seat.state === "sold") {
    throw new Conflict(`seat ${q.seat} is sold`);
  }
  const until = new Date(Date.now() + ms).toISOString().replace(/\.\d+Z$/, "Z");
  tx.after(q.seat, ms, "release", { seat: q.seat, customer: "" });
  return keep(tx, seat, { state: "reserved", customer: q.customer, until });
});

service.operation("sell", Request, async (tx, q) => {
  const seat = await forCustomer(tx, q.seat, q.customer);
  if (seat.state === "sold") {
    throw new Conflict(`seat ${q.seat} is sold`);
  }
  tx.cancel(q.seat);
  tx.notify(ALL, "sold", { seat: q.seat, state: "sold" });
  await tell(tx, "sold", q.seat, q.customer);
  return keep(tx, seat, { state: "sold", customer: q.customer });
});

service.operation("give", Request, async (tx, q) => {
  const seat = await forCustomer(tx, q.seat, q.customer);
  if (seat.state !== "reserved") {
    throw new Conflict(`seat ${q.seat} is ${seat.state}, not reserved`);
  }
  tx.cancel(q.seat);
  await tell(tx, "free", q.seat, seat.customer);
  return keep(tx, seat, { state: "free" });
});

/** The run of a reservation's timer. */
service.operation("release", Request, async (tx, q) => {
  if (!tx.due) {
    throw new Malformed("a reservation expires automatically; to end it earlier use give");
  }
  const seat = await read(tx, q.seat);
  if (seat.state !== "reserved") {
    return seat; // this run was begun twice, and has been done: its commit finds that out
  }
  const released = (seat.released ?? 0) + 1;
  tx.notify(ALL, "released", { seat: q.seat, state: "free", released });
  await tell(tx, "free", q.seat, seat.customer);
  return keep(tx, { ...seat, released }, { state: "free" });
});

service.query("look", Request, (tx, q) => read(tx, q.seat));

service.query("find", { customer: text(""), after: text("") }, async (tx, q) => {
  check("customer", q.customer);
  const prefix = `of/${q.customer}/`;
  const page = await tx.scan(prefix, q.after && prefix + q.after, FOUND);
  return { seats: page.items.map((item) => item.key.slice(prefix.length)), more: page.more };
});

/** Has accounting told at a target. One that does not exist is refused with the first entry, and nothing is changed then. */
service.operation("account", { target: text("") }, async (tx, q) => {
  if (q.target === "") {
    tx.delete(TOLD);
    return q;
  }
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(q.target)) {
    throw new Malformed('field "target" must be the name of a target: hotpair targets list shows them');
  }
  tx.put(TOLD, Buffer.from(q.target));
  await tell(tx, "begun");
  return q;
});

/** Tells accounting, if there is somebody to be told. */
async function tell(tx: Tx, event: string, seat?: string, customer?: string): Promise<void> {
  const to = await tx.get(TOLD);
  if (to.found) {
    tx.emit(Buffer.from(to.bytes).toString(), lane(seat ?? ""), { event, seat, customer });
  }
}

/** The lane of a seat, whose name can have what no lane may have in its. */
function lane(seat: string): string {
  return /^[!-.0-~]+$/.test(seat) ? seat : `~${Buffer.from(seat).toString("base64url")}`;
}

/** Reads a seat that a customer wants to have: it is free, or the customer's. */
async function forCustomer(tx: Tx, name: string, customer: string): Promise<Seat> {
  check("customer", customer);
  const seat = await read(tx, name);
  if (seat.state !== "free" && seat.customer !== customer) {
    throw new Conflict(`seat ${name} is ${seat.state}`);
  }
  return seat;
}

async function read(tx: Tx, name: string): Promise<Seat> {
  check("seat", name);
  const [item] = await tx.getMany(`seat/${name}`, TOLD); // who is told is read in the same trip
  return item?.value ?? { seat: name, state: "free" };
}

/** Writes a seat and its customer's key. */
function keep(tx: Tx, before: Seat, { state, customer, until }: Omit<Seat, "seat">): Seat {
  const name = before.seat;
  if (before.customer && before.customer !== customer) {
    tx.delete(`of/${before.customer}/${name}`);
  }
  if (customer) {
    tx.put(`of/${customer}/${name}`, new Uint8Array());
  }
  const kept = { seat: name, state, ...(customer && { customer }), ...(until && { until }), ...(before.released && { released: before.released }) };
  tx.put(`seat/${name}`, kept);
  return kept;
}

/** Refuses what can't be part of a key. */
function check(field: string, name: string): void {
  if (name === "" || Buffer.byteLength(name) > MAX_NAME || /[/\0]/.test(name)) {
    throw new Malformed(`field "${field}" must be a name of 1 to ${MAX_NAME} bytes without a slash`);
  }
}
