// A load balancer without affinity for one test.
import { onTestFinished } from "vitest";
import { type Balancer, startBalancer } from "./balancer.ts";

/** `nodes` are addresses, and may change. The balancer ends with the test. */
export async function roundRobin(nodes: readonly string[]): Promise<Balancer> {
  const balancer = await startBalancer(nodes);
  onTestFinished(() => balancer.close());
  return balancer;
}
