// The limiter of rate-limiter-flexible that counts in memory. The package's own index loads its limiters for fifteen databases too.
import MemoryStorage from "rate-limiter-flexible/lib/component/MemoryStorage/MemoryStorage.js";
import RateLimiterMemory from "rate-limiter-flexible/lib/RateLimiterMemory.js";
import RateLimiterRes from "rate-limiter-flexible/lib/RateLimiterRes.js";

export { MemoryStorage, RateLimiterMemory, RateLimiterRes };
