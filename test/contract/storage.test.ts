// Every storage engine keeps the same contract.
import { describe, expect, it } from "vitest";
import { apiKeyContract } from "./api-keys.ts";
import { auditContract } from "./audit.ts";
import { browserSessionContract } from "./browser-sessions.ts";
import { clearingContract } from "./clearing.ts";
import { clientContract } from "./clients.ts";
import { newSession } from "./engine.ts";
import { engines, sharedEngines } from "./engines.ts";
import { expiryContract } from "./expiry.ts";
import { historyContract } from "./history.ts";
import { instanceContract } from "./instances.ts";
import { keyedCallLimitsContract } from "./keyed-call-limits.ts";
import { keyedCallsContract } from "./keyed-calls.ts";
import { messageDeletionContract } from "./message-deletion.ts";
import { oauthContract } from "./oauth.ts";
import { passkeyContract } from "./passkeys.ts";
import { processContract } from "./processes.ts";
import { raceContract } from "./races.ts";
import { relayContract } from "./relay.ts";
import { requestsContract } from "./requests.ts";
import { sessionListContract } from "./session-list.ts";
import { sessionContract } from "./sessions.ts";
import { sharingContract } from "./sharing.ts";
import { signingKeysContract } from "./signing-keys.ts";
import { stateContract } from "./state.ts";
import { streamsContract } from "./streams.ts";
import { subscriptionsContract } from "./subscriptions.ts";
import { summaryContract } from "./summaries.ts";
import { taskContract } from "./tasks.ts";
import { transferContract } from "./transfer.ts";
import { turnContract } from "./turns.ts";
import { vectorsContract } from "./vectors.ts";

for (const [engine, open] of Object.entries(engines)) {
  describe(engine, () => {
    sessionContract(open);
    sessionListContract(open);
    sharingContract(open);
    expiryContract(open);
    clientContract(open);
    stateContract(open);
    historyContract(open);
    vectorsContract(open);
    messageDeletionContract(open);
    clearingContract(open);
    turnContract(open);
    summaryContract(open);
    instanceContract(open);
    streamsContract(open);
    requestsContract(open);
    subscriptionsContract(open);
    relayContract(open);
    keyedCallsContract(open);
    keyedCallLimitsContract(open);
    taskContract(open);
    signingKeysContract(open);
    apiKeyContract(open);
    browserSessionContract(open);
    oauthContract(open);
    passkeyContract(open);
    auditContract(open);
    transferContract(open);

    it("can be written while it is open", async () => {
      await expect((await open()).storage.check()).resolves.toBeUndefined();
    });

    it("refuses to write once it is closed", async () => {
      const { storage } = await open();
      await storage.close();
      await expect(newSession(storage)).rejects.toMatchObject({ name: "AppError", code: "busy" });
    });
  });
}

for (const [engine, open] of Object.entries(sharedEngines)) {
  describe(`${engine}, used by two processes`, () => {
    processContract(open);
    raceContract(open);
  });
}
