ALTER TABLE `usage` ADD `stored_bytes` integer DEFAULT 0 NOT NULL;
--> statement-breakpoint
ALTER TABLE `usage` ADD `program_bytes` integer DEFAULT 0 NOT NULL;
--> statement-breakpoint
DROP TRIGGER `messages_usage_insert`;
--> statement-breakpoint
DROP TRIGGER `messages_usage_update`;
--> statement-breakpoint
DROP TRIGGER `messages_usage_delete`;
--> statement-breakpoint
DROP TRIGGER `state_usage_insert`;
--> statement-breakpoint
DROP TRIGGER `state_usage_update`;
--> statement-breakpoint
DROP TRIGGER `state_usage_delete`;
--> statement-breakpoint
DROP TRIGGER `sessions_usage`;
--> statement-breakpoint
DROP TRIGGER IF EXISTS `sessions_usage_owner`;
--> statement-breakpoint
DROP TRIGGER `usage_empty`;
--> statement-breakpoint
-- What the accounts should say: for those of earlier versions, and for whoever wants to check.
CREATE VIEW `usage_measured` AS
SELECT owner, sum(history) AS history_bytes, sum(state) AS state_bytes, sum(bytes) AS stored_bytes,
  sum(iif(of_programs, bytes, 0)) AS program_bytes
FROM (
  SELECT owner AS owner, 0 AS history, 0 AS state, 400 + 2 * coalesce(octet_length(sessions.name), 0) + coalesce(octet_length(sessions.title), 0) + coalesce(octet_length(sessions.system), 0) AS bytes, false AS of_programs FROM sessions
  UNION ALL
  SELECT sessions.owner, octet_length(messages.content), 0, 200 + 2 * octet_length(messages.content), false FROM messages JOIN sessions ON sessions.id = messages.session_id
  UNION ALL
  SELECT sessions.owner, 0, octet_length(session_state.value), 200 + 2 * octet_length(session_state.key) + octet_length(session_state.value), false FROM session_state JOIN sessions ON sessions.id = session_state.session_id
  UNION ALL
  SELECT sessions.owner, 0, 0, 100 + octet_length(summaries.content), false FROM summaries JOIN sessions ON sessions.id = summaries.session_id
  UNION ALL
  SELECT sessions.owner, 0, 0, 300 + 2 * octet_length(grants.principal), false FROM grants JOIN sessions ON sessions.id = grants.session_id
  UNION ALL
  SELECT sessions.owner, 0, 0, 300 + 2 * octet_length(share_offers.principal), false FROM share_offers JOIN sessions ON sessions.id = share_offers.session_id
  UNION ALL
  SELECT keyed_calls.owner, 0, 0, 400 + 2 * (octet_length(keyed_calls.owner) + octet_length(keyed_calls.scope) + octet_length(keyed_calls.key)) + coalesce(octet_length(keyed_calls.outcome), 0), false FROM keyed_calls
  UNION ALL
  SELECT clients.owner, 0, 0, 800 + octet_length(clients.initialize) + octet_length(clients.capabilities) + octet_length(clients.name) + octet_length(clients.version), true FROM clients
  UNION ALL
  SELECT clients.owner, 0, 0, 300 + 3 * octet_length(subscriptions.uri) + coalesce(octet_length(subscriptions.asked), 0), true FROM subscriptions JOIN clients ON clients.id = subscriptions.client_id
  UNION ALL
  SELECT clients.owner, 0, 0, 100 + octet_length(outbox.data), true FROM outbox JOIN clients ON clients.id = outbox.client_id
  UNION ALL
  SELECT clients.owner, 0, 0, 200, true FROM streams JOIN clients ON clients.id = streams.client_id
  UNION ALL
  SELECT clients.owner, 0, 0, 50 + octet_length(stream_events.data), true FROM stream_events JOIN streams ON streams.id = stream_events.stream_id JOIN clients ON clients.id = streams.client_id
  UNION ALL
  SELECT clients.owner, 0, 0, 400 + octet_length(open_requests.message), true FROM open_requests JOIN clients ON clients.id = open_requests.client_id
)
GROUP BY owner;
--> statement-breakpoint
DELETE FROM `usage`;
--> statement-breakpoint
INSERT INTO `usage` (owner, history_bytes, state_bytes, stored_bytes, program_bytes)
  SELECT owner, history_bytes, state_bytes, stored_bytes, program_bytes FROM usage_measured;
--> statement-breakpoint
-- A session, a client or a keyed call opens its principal's account; the last of them closes it.
CREATE TRIGGER `sessions_usage_insert` AFTER INSERT ON `sessions` BEGIN
  INSERT INTO usage (owner, stored_bytes) VALUES (new.owner, 400 + 2 * coalesce(length(CAST(new.name AS BLOB)), 0) + coalesce(length(CAST(new.title AS BLOB)), 0) + coalesce(length(CAST(new.system AS BLOB)), 0))
    ON CONFLICT (owner) DO UPDATE SET stored_bytes = stored_bytes + excluded.stored_bytes;
END;
--> statement-breakpoint
CREATE TRIGGER `sessions_usage_update` AFTER UPDATE OF name, title, system ON `sessions` WHEN new.owner = old.owner BEGIN
  UPDATE usage SET stored_bytes = stored_bytes
      + (400 + 2 * coalesce(length(CAST(new.name AS BLOB)), 0) + coalesce(length(CAST(new.title AS BLOB)), 0) + coalesce(length(CAST(new.system AS BLOB)), 0))
      - (400 + 2 * coalesce(length(CAST(old.name AS BLOB)), 0) + coalesce(length(CAST(old.title AS BLOB)), 0) + coalesce(length(CAST(old.system AS BLOB)), 0))
    WHERE owner = new.owner;
END;
--> statement-breakpoint
-- While the session is still there, so that the triggers below find whose rows these were.
CREATE TRIGGER `sessions_usage_delete` BEFORE DELETE ON `sessions` BEGIN
  DELETE FROM messages WHERE session_id = old.id;
  DELETE FROM session_state WHERE session_id = old.id;
  DELETE FROM summaries WHERE session_id = old.id;
  DELETE FROM grants WHERE session_id = old.id;
  DELETE FROM share_offers WHERE session_id = old.id;
  UPDATE usage SET stored_bytes = stored_bytes - (400 + 2 * coalesce(length(CAST(old.name AS BLOB)), 0) + coalesce(length(CAST(old.title AS BLOB)), 0) + coalesce(length(CAST(old.system AS BLOB)), 0))
    WHERE owner = old.owner;
  DELETE FROM usage WHERE owner = old.owner AND stored_bytes = 0;
END;
--> statement-breakpoint
-- An operator may give a session to somebody else.
CREATE TRIGGER `sessions_usage_owner` AFTER UPDATE OF owner ON `sessions` WHEN new.owner <> old.owner BEGIN
  INSERT INTO usage (owner) VALUES (new.owner) ON CONFLICT DO NOTHING;
  UPDATE usage SET
      history_bytes = history_bytes + (SELECT coalesce(sum(length(CAST(content AS BLOB))), 0) FROM messages WHERE session_id = new.id),
      state_bytes = state_bytes + (SELECT coalesce(sum(length(CAST(value AS BLOB))), 0) FROM session_state WHERE session_id = new.id),
      stored_bytes = stored_bytes + (400 + 2 * coalesce(length(CAST(new.name AS BLOB)), 0) + coalesce(length(CAST(new.title AS BLOB)), 0) + coalesce(length(CAST(new.system AS BLOB)), 0))
        + (SELECT coalesce(sum(200 + 2 * length(CAST(content AS BLOB))), 0) FROM messages WHERE session_id = new.id)
        + (SELECT coalesce(sum(200 + 2 * length(CAST(key AS BLOB)) + length(CAST(value AS BLOB))), 0) FROM session_state WHERE session_id = new.id)
        + (SELECT coalesce(sum(100 + length(CAST(content AS BLOB))), 0) FROM summaries WHERE session_id = new.id)
        + (SELECT coalesce(sum(300 + 2 * length(CAST(principal AS BLOB))), 0) FROM grants WHERE session_id = new.id)
        + (SELECT coalesce(sum(300 + 2 * length(CAST(principal AS BLOB))), 0) FROM share_offers WHERE session_id = new.id)
    WHERE owner = new.owner;
  UPDATE usage SET
      history_bytes = history_bytes - (SELECT coalesce(sum(length(CAST(content AS BLOB))), 0) FROM messages WHERE session_id = new.id),
      state_bytes = state_bytes - (SELECT coalesce(sum(length(CAST(value AS BLOB))), 0) FROM session_state WHERE session_id = new.id),
      stored_bytes = stored_bytes - ((400 + 2 * coalesce(length(CAST(old.name AS BLOB)), 0) + coalesce(length(CAST(old.title AS BLOB)), 0) + coalesce(length(CAST(old.system AS BLOB)), 0))
        + (SELECT coalesce(sum(200 + 2 * length(CAST(content AS BLOB))), 0) FROM messages WHERE session_id = new.id)
        + (SELECT coalesce(sum(200 + 2 * length(CAST(key AS BLOB)) + length(CAST(value AS BLOB))), 0) FROM session_state WHERE session_id = new.id)
        + (SELECT coalesce(sum(100 + length(CAST(content AS BLOB))), 0) FROM summaries WHERE session_id = new.id)
        + (SELECT coalesce(sum(300 + 2 * length(CAST(principal AS BLOB))), 0) FROM grants WHERE session_id = new.id)
        + (SELECT coalesce(sum(300 + 2 * length(CAST(principal AS BLOB))), 0) FROM share_offers WHERE session_id = new.id))
    WHERE owner = old.owner;
  DELETE FROM usage WHERE owner = old.owner AND stored_bytes = 0;
END;
--> statement-breakpoint
CREATE TRIGGER `messages_usage_insert` AFTER INSERT ON `messages` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + 200 + 2 * length(CAST(new.content AS BLOB)), history_bytes = history_bytes + length(CAST(new.content AS BLOB))
    WHERE owner = (SELECT owner FROM sessions WHERE id = new.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER `messages_usage_update` AFTER UPDATE OF content ON `messages` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + (200 + 2 * length(CAST(new.content AS BLOB))) - (200 + 2 * length(CAST(old.content AS BLOB))),
      history_bytes = history_bytes + length(CAST(new.content AS BLOB)) - length(CAST(old.content AS BLOB))
    WHERE owner = (SELECT owner FROM sessions WHERE id = new.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER `messages_usage_delete` AFTER DELETE ON `messages` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes - (200 + 2 * length(CAST(old.content AS BLOB))), history_bytes = history_bytes - length(CAST(old.content AS BLOB))
    WHERE owner = (SELECT owner FROM sessions WHERE id = old.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER `state_usage_insert` AFTER INSERT ON `session_state` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + 200 + 2 * length(CAST(new.key AS BLOB)) + length(CAST(new.value AS BLOB)), state_bytes = state_bytes + length(CAST(new.value AS BLOB))
    WHERE owner = (SELECT owner FROM sessions WHERE id = new.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER `state_usage_update` AFTER UPDATE OF value ON `session_state` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + (200 + 2 * length(CAST(new.key AS BLOB)) + length(CAST(new.value AS BLOB))) - (200 + 2 * length(CAST(old.key AS BLOB)) + length(CAST(old.value AS BLOB))),
      state_bytes = state_bytes + length(CAST(new.value AS BLOB)) - length(CAST(old.value AS BLOB))
    WHERE owner = (SELECT owner FROM sessions WHERE id = new.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER `state_usage_delete` AFTER DELETE ON `session_state` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes - (200 + 2 * length(CAST(old.key AS BLOB)) + length(CAST(old.value AS BLOB))), state_bytes = state_bytes - length(CAST(old.value AS BLOB))
    WHERE owner = (SELECT owner FROM sessions WHERE id = old.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER `summaries_usage_insert` AFTER INSERT ON `summaries` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + 100 + length(CAST(new.content AS BLOB))
    WHERE owner = (SELECT owner FROM sessions WHERE id = new.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER `summaries_usage_update` AFTER UPDATE OF content ON `summaries` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + (100 + length(CAST(new.content AS BLOB))) - (100 + length(CAST(old.content AS BLOB)))
    WHERE owner = (SELECT owner FROM sessions WHERE id = new.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER `summaries_usage_delete` AFTER DELETE ON `summaries` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes - (100 + length(CAST(old.content AS BLOB)))
    WHERE owner = (SELECT owner FROM sessions WHERE id = old.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER `grants_usage_insert` AFTER INSERT ON `grants` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + 300 + 2 * length(CAST(new.principal AS BLOB))
    WHERE owner = (SELECT owner FROM sessions WHERE id = new.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER `grants_usage_delete` AFTER DELETE ON `grants` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes - (300 + 2 * length(CAST(old.principal AS BLOB)))
    WHERE owner = (SELECT owner FROM sessions WHERE id = old.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER `share_offers_usage_insert` AFTER INSERT ON `share_offers` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + 300 + 2 * length(CAST(new.principal AS BLOB))
    WHERE owner = (SELECT owner FROM sessions WHERE id = new.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER `share_offers_usage_delete` AFTER DELETE ON `share_offers` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes - (300 + 2 * length(CAST(old.principal AS BLOB)))
    WHERE owner = (SELECT owner FROM sessions WHERE id = old.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER `keyed_calls_usage_insert` AFTER INSERT ON `keyed_calls` BEGIN
  INSERT INTO usage (owner, stored_bytes) VALUES (new.owner, 400 + 2 * (length(CAST(new.owner AS BLOB)) + length(CAST(new.scope AS BLOB)) + length(CAST(new.key AS BLOB))) + coalesce(length(CAST(new.outcome AS BLOB)), 0))
    ON CONFLICT (owner) DO UPDATE SET stored_bytes = stored_bytes + excluded.stored_bytes;
END;
--> statement-breakpoint
CREATE TRIGGER `keyed_calls_usage_update` AFTER UPDATE OF outcome ON `keyed_calls` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + coalesce(length(CAST(new.outcome AS BLOB)), 0) - coalesce(length(CAST(old.outcome AS BLOB)), 0)
    WHERE owner = new.owner;
END;
--> statement-breakpoint
CREATE TRIGGER `keyed_calls_usage_delete` AFTER DELETE ON `keyed_calls` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes - (400 + 2 * (length(CAST(old.owner AS BLOB)) + length(CAST(old.scope AS BLOB)) + length(CAST(old.key AS BLOB))) + coalesce(length(CAST(old.outcome AS BLOB)), 0))
    WHERE owner = old.owner;
  DELETE FROM usage WHERE owner = old.owner AND stored_bytes = 0;
END;
--> statement-breakpoint
CREATE TRIGGER `clients_usage_insert` AFTER INSERT ON `clients` BEGIN
  INSERT INTO usage (owner, stored_bytes, program_bytes)
    VALUES (new.owner, 800 + length(CAST(new.initialize AS BLOB)) + length(CAST(new.capabilities AS BLOB)) + length(CAST(new.name AS BLOB)) + length(CAST(new.version AS BLOB)),
      800 + length(CAST(new.initialize AS BLOB)) + length(CAST(new.capabilities AS BLOB)) + length(CAST(new.name AS BLOB)) + length(CAST(new.version AS BLOB)))
    ON CONFLICT (owner) DO UPDATE SET stored_bytes = stored_bytes + excluded.stored_bytes,
      program_bytes = program_bytes + excluded.program_bytes;
END;
--> statement-breakpoint
CREATE TRIGGER `clients_usage_update` AFTER UPDATE OF initialize, capabilities, name, version ON `clients` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes
      + (800 + length(CAST(new.initialize AS BLOB)) + length(CAST(new.capabilities AS BLOB)) + length(CAST(new.name AS BLOB)) + length(CAST(new.version AS BLOB)))
      - (800 + length(CAST(old.initialize AS BLOB)) + length(CAST(old.capabilities AS BLOB)) + length(CAST(old.name AS BLOB)) + length(CAST(old.version AS BLOB))),
    program_bytes = program_bytes
      + (800 + length(CAST(new.initialize AS BLOB)) + length(CAST(new.capabilities AS BLOB)) + length(CAST(new.name AS BLOB)) + length(CAST(new.version AS BLOB)))
      - (800 + length(CAST(old.initialize AS BLOB)) + length(CAST(old.capabilities AS BLOB)) + length(CAST(old.name AS BLOB)) + length(CAST(old.version AS BLOB)))
    WHERE owner = new.owner;
END;
--> statement-breakpoint
CREATE TRIGGER `clients_usage_delete` BEFORE DELETE ON `clients` BEGIN
  DELETE FROM subscriptions WHERE client_id = old.id;
  DELETE FROM outbox WHERE client_id = old.id;
  DELETE FROM streams WHERE client_id = old.id;
  UPDATE usage SET stored_bytes = stored_bytes - (800 + length(CAST(old.initialize AS BLOB)) + length(CAST(old.capabilities AS BLOB)) + length(CAST(old.name AS BLOB)) + length(CAST(old.version AS BLOB))),
      program_bytes = program_bytes - (800 + length(CAST(old.initialize AS BLOB)) + length(CAST(old.capabilities AS BLOB)) + length(CAST(old.name AS BLOB)) + length(CAST(old.version AS BLOB)))
    WHERE owner = old.owner;
  DELETE FROM usage WHERE owner = old.owner AND stored_bytes = 0;
END;
--> statement-breakpoint
CREATE TRIGGER `subscriptions_usage_insert` AFTER INSERT ON `subscriptions` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + 300 + 3 * length(CAST(new.uri AS BLOB)) + coalesce(length(CAST(new.asked AS BLOB)), 0),
      program_bytes = program_bytes + 300 + 3 * length(CAST(new.uri AS BLOB)) + coalesce(length(CAST(new.asked AS BLOB)), 0)
    WHERE owner = (SELECT owner FROM clients WHERE id = new.client_id);
END;
--> statement-breakpoint
CREATE TRIGGER `subscriptions_usage_update` AFTER UPDATE OF asked ON `subscriptions` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + (300 + 3 * length(CAST(new.uri AS BLOB)) + coalesce(length(CAST(new.asked AS BLOB)), 0)) - (300 + 3 * length(CAST(old.uri AS BLOB)) + coalesce(length(CAST(old.asked AS BLOB)), 0)),
      program_bytes = program_bytes + (300 + 3 * length(CAST(new.uri AS BLOB)) + coalesce(length(CAST(new.asked AS BLOB)), 0)) - (300 + 3 * length(CAST(old.uri AS BLOB)) + coalesce(length(CAST(old.asked AS BLOB)), 0))
    WHERE owner = (SELECT owner FROM clients WHERE id = new.client_id);
END;
--> statement-breakpoint
CREATE TRIGGER `subscriptions_usage_delete` AFTER DELETE ON `subscriptions` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes - (300 + 3 * length(CAST(old.uri AS BLOB)) + coalesce(length(CAST(old.asked AS BLOB)), 0)),
      program_bytes = program_bytes - (300 + 3 * length(CAST(old.uri AS BLOB)) + coalesce(length(CAST(old.asked AS BLOB)), 0))
    WHERE owner = (SELECT owner FROM clients WHERE id = old.client_id);
END;
--> statement-breakpoint
CREATE TRIGGER `outbox_usage_insert` AFTER INSERT ON `outbox` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + 100 + length(CAST(new.data AS BLOB)),
      program_bytes = program_bytes + 100 + length(CAST(new.data AS BLOB))
    WHERE owner = (SELECT owner FROM clients WHERE id = new.client_id);
END;
--> statement-breakpoint
CREATE TRIGGER `outbox_usage_delete` AFTER DELETE ON `outbox` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes - (100 + length(CAST(old.data AS BLOB))),
      program_bytes = program_bytes - (100 + length(CAST(old.data AS BLOB)))
    WHERE owner = (SELECT owner FROM clients WHERE id = old.client_id);
END;
--> statement-breakpoint
CREATE TRIGGER `streams_usage_insert` AFTER INSERT ON `streams` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + 200, program_bytes = program_bytes + 200
    WHERE owner = (SELECT owner FROM clients WHERE id = new.client_id);
END;
--> statement-breakpoint
CREATE TRIGGER `streams_usage_delete` BEFORE DELETE ON `streams` BEGIN
  DELETE FROM open_requests WHERE stream_id = old.id;
  DELETE FROM stream_events WHERE stream_id = old.id;
  UPDATE usage SET stored_bytes = stored_bytes - 200, program_bytes = program_bytes - 200
    WHERE owner = (SELECT owner FROM clients WHERE id = old.client_id);
END;
--> statement-breakpoint
CREATE TRIGGER `open_requests_usage_insert` AFTER INSERT ON `open_requests` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + 400 + length(CAST(new.message AS BLOB)),
      program_bytes = program_bytes + 400 + length(CAST(new.message AS BLOB))
    WHERE owner = (SELECT owner FROM clients WHERE id = new.client_id);
END;
--> statement-breakpoint
CREATE TRIGGER `open_requests_usage_delete` AFTER DELETE ON `open_requests` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes - (400 + length(CAST(old.message AS BLOB))),
      program_bytes = program_bytes - (400 + length(CAST(old.message AS BLOB)))
    WHERE owner = (SELECT owner FROM clients WHERE id = old.client_id);
END;
--> statement-breakpoint
CREATE TRIGGER `stream_events_usage_insert` AFTER INSERT ON `stream_events` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + 50 + length(CAST(new.data AS BLOB)),
      program_bytes = program_bytes + 50 + length(CAST(new.data AS BLOB))
    WHERE owner = (SELECT owner FROM clients JOIN streams ON streams.client_id = clients.id WHERE streams.id = new.stream_id);
END;
--> statement-breakpoint
CREATE TRIGGER `stream_events_usage_update` AFTER UPDATE OF data ON `stream_events` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + (50 + length(CAST(new.data AS BLOB))) - (50 + length(CAST(old.data AS BLOB))),
      program_bytes = program_bytes + (50 + length(CAST(new.data AS BLOB))) - (50 + length(CAST(old.data AS BLOB)))
    WHERE owner = (SELECT owner FROM clients JOIN streams ON streams.client_id = clients.id WHERE streams.id = new.stream_id);
END;
--> statement-breakpoint
CREATE TRIGGER `stream_events_usage_delete` AFTER DELETE ON `stream_events` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes - (50 + length(CAST(old.data AS BLOB))),
      program_bytes = program_bytes - (50 + length(CAST(old.data AS BLOB)))
    WHERE owner = (SELECT owner FROM clients JOIN streams ON streams.client_id = clients.id WHERE streams.id = old.stream_id);
END;
