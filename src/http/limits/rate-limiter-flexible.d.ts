// Types of single files of rate-limiter-flexible, which describes only its index.
declare module "rate-limiter-flexible/lib/RateLimiterMemory.js" {
  export { RateLimiterMemory as default } from "rate-limiter-flexible";
}

declare module "rate-limiter-flexible/lib/RateLimiterRes.js" {
  export { RateLimiterRes as default } from "rate-limiter-flexible";
}

declare module "rate-limiter-flexible/lib/component/MemoryStorage/MemoryStorage.js" {
  import type { RateLimiterRes } from "rate-limiter-flexible";

  export default class MemoryStorage {
    incrby(key: string, value: number, durationSeconds: number): RateLimiterRes;
  }
}
