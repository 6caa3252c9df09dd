/** What the tests share. */
import { mock } from "node:test";

/** Keeps lines of the log, and shows none. */
export function quiet(): { lines(): string } {
  const method = mock.method(console, "log", () => {});
  return { lines: () => method.mock.calls.map((call) => call.arguments.join(" ")).join("\n") };
}

/** Waits until something holds. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  for (const end = performance.now() + 20_000; !holds(); ) {
    if (performance.now() > end) {
      throw new Error(`never: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
