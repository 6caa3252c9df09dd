/**
 * Services of a pair, in TypeScript: see README.md.
 *
 * A service implements its operations; the runtime does the rest. It connects to the host, gives each request a transaction, commits
 * once for each, runs the handler again after a conflict, repeats recorded answers, and waits out a restart of the updater.
 */
export { Conflict, Malformed, Misuse, NotFound, ServiceError, TooLarge } from "./errors.js";
export { ALL, type Due, Item, type NoticeOptions, type Page, type TimerOptions } from "./items.js";
export { type Anything, type Handler, type OperationOptions, Service, type ServiceOptions } from "./service.js";
export {
  any, type Body, boolean, type Fields, integer, list, number, object, optional, record, type Shape, text,
} from "./shapes.js";
export { MAX_SCAN, type Tx } from "./tx.js";
