/** The description of a service, by the conventions of NATS services. */
import { Counts } from "./execution.js";
import type { Service } from "./service.js";

export class About {
  readonly id = `${process.pid}-${Date.now()}`;
  readonly counts: Map<string, Counts>;
  readonly #started = new Date().toISOString();

  constructor(readonly service: Service) {
    this.counts = new Map(service.names().map((name) => [name, new Counts()]));
  }

  /** The discovery requests, and their answers. */
  verbs(): [string, () => object][] {
    return [["INFO", () => this.#info()], ["STATS", () => this.#stats()], ["PING", () => this.#about("ping")]];
  }

  #about(kind: string): object {
    const { name, version } = this.service;
    return { type: `io.nats.micro.v1.${kind}_response`, name, id: this.id, version, metadata: {} };
  }

  #endpoint(name: string): object {
    return { name, subject: `business.${this.service.name}.${name}`, queue_group: "q" };
  }

  #info(): object {
    const endpoints = this.service.names().map((name) => ({ ...this.#endpoint(name), metadata: {} }));
    return { ...this.#about("info"), description: this.service.description, endpoints };
  }

  #stats(): object {
    const endpoints = [...this.counts].map(([name, c]) => {
      const took = Math.round(c.took * 1e6); // ns
      return {
        ...this.#endpoint(name),
        num_requests: c.requests,
        num_errors: c.errors,
        processing_time: took,
        average_processing_time: c.requests ? Math.round(took / c.requests) : 0,
        data: { requests: c.requests, errors: c.errors, conflicts: c.conflicts, recorded: c.recorded, in_flight: c.inFlight, took_ns: took },
      };
    });
    return { ...this.#about("stats"), started: this.#started, endpoints };
  }
}
