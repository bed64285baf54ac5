// The limiter of rate-limiter-flexible that counts in memory. The package's own index loads its limiters for fifteen databases too.
import RateLimiterMemory from "rate-limiter-flexible/lib/RateLimiterMemory.js";
import RateLimiterRes from "rate-limiter-flexible/lib/RateLimiterRes.js";

export { RateLimiterMemory, RateLimiterRes };
