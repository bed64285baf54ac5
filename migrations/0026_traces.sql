CREATE TABLE `stream_sessions` (
	`stream_id` integer NOT NULL,
	`session_id` text NOT NULL,
	PRIMARY KEY(`stream_id`, `session_id`),
	FOREIGN KEY (`stream_id`) REFERENCES `streams`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `stream_sessions_session` ON `stream_sessions` (`session_id`);--> statement-breakpoint
ALTER TABLE `outbox` ADD `session_id` text;--> statement-breakpoint
CREATE INDEX `outbox_session` ON `outbox` (`session_id`) WHERE session_id is not null;--> statement-breakpoint
CREATE INDEX `keyed_calls_scope` ON `keyed_calls` (`scope`);
--> statement-breakpoint
CREATE INDEX `keyed_calls_session` ON `keyed_calls` (iif(json_valid(outcome), json_extract(outcome, '$.session'), null)) WHERE outcome is not null;
--> statement-breakpoint
-- What streams hold of a session. To delete from it empties the events: their numbers stay, and a call has an outcome.
CREATE VIEW `session_events` AS
SELECT stream_sessions.session_id, stream_events.stream_id, stream_events.seq, stream_events.data,
  streams.finished_at IS NOT NULL AND streams.undelivered IS NULL AS delivered
FROM stream_sessions
JOIN streams ON streams.id = stream_sessions.stream_id
JOIN stream_events ON stream_events.stream_id = streams.id
WHERE stream_events.data <> '' AND (streams.kind = 'request' OR instr(stream_events.data, stream_sessions.session_id));
--> statement-breakpoint
CREATE TRIGGER `session_events_delete` INSTEAD OF DELETE ON `session_events` BEGIN
  UPDATE stream_events SET data = CASE
    WHEN NOT json_valid(old.data) THEN ''
    WHEN json_extract(old.data, '$.method') IS NOT NULL THEN ''
    ELSE json_object('jsonrpc', '2.0', 'id', json_extract(old.data, '$.id'), 'result', json_object(
      'isError', json('true'),
      'content', json_array(json_object('type', 'text', 'text',
        'What this call had answered was deleted or cleared before it was fetched.')),
      '_meta', json_object('holdfast/error', 'not_found')))
    END
    WHERE stream_id = old.stream_id AND seq = old.seq;
END;
--> statement-breakpoint
-- Keyed calls by the sessions that they worked in, named or opened. Whoever only names another's is not meant.
CREATE VIEW `session_calls` AS
SELECT iif(json_valid(outcome), json_extract(outcome, '$.session'), null) AS session_id, id, outcome
FROM keyed_calls WHERE outcome IS NOT NULL
UNION ALL
SELECT sessions.id, calls.id, calls.outcome
FROM sessions JOIN keyed_calls calls ON calls.scope = sessions.id
WHERE calls.owner = sessions.owner
  OR EXISTS (SELECT 1 FROM grants WHERE grants.session_id = sessions.id AND grants.principal = calls.owner)
UNION ALL
SELECT sessions.id, calls.id, calls.outcome
FROM sessions JOIN keyed_calls calls ON calls.owner = sessions.owner AND calls.scope = ''
WHERE calls.new_session_id = sessions.id;
--> statement-breakpoint
CREATE VIEW `session_outcomes` AS SELECT session_id, id, outcome FROM session_calls WHERE outcome IS NOT NULL;
--> statement-breakpoint
CREATE TRIGGER `session_outcomes_delete` INSTEAD OF DELETE ON `session_outcomes` BEGIN
  DELETE FROM keyed_calls WHERE id = old.id;
END;
--> statement-breakpoint
-- All that a session leaves outside of itself.
CREATE VIEW `session_traces` AS SELECT id AS session_id FROM sessions;
--> statement-breakpoint
CREATE TRIGGER `session_traces_delete` INSTEAD OF DELETE ON `session_traces` BEGIN
  DELETE FROM session_events WHERE session_id = old.session_id;
  DELETE FROM keyed_call_changes WHERE call_id IN (SELECT id FROM session_calls WHERE session_id = old.session_id);
  DELETE FROM session_outcomes WHERE session_id = old.session_id;
  DELETE FROM outbox WHERE session_id = old.session_id;
END;
--> statement-breakpoint
CREATE TRIGGER `sessions_traces` BEFORE DELETE ON `sessions` BEGIN
  DELETE FROM session_traces WHERE session_id = old.id;
END;
--> statement-breakpoint
-- What a keyed call has changed so far is on its principal's account too.
DROP VIEW `usage_measured`;
--> statement-breakpoint
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
  SELECT keyed_calls.owner, 0, 0, 100 + octet_length(keyed_call_changes.what) + coalesce(octet_length(keyed_call_changes.result), 0), false FROM keyed_call_changes JOIN keyed_calls ON keyed_calls.id = keyed_call_changes.call_id
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
CREATE TRIGGER `keyed_call_changes_usage_insert` AFTER INSERT ON `keyed_call_changes` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + 100 + length(CAST(new.what AS BLOB)) + coalesce(length(CAST(new.result AS BLOB)), 0)
    WHERE owner = (SELECT owner FROM keyed_calls WHERE id = new.call_id);
END;
--> statement-breakpoint
CREATE TRIGGER `keyed_call_changes_usage_delete` AFTER DELETE ON `keyed_call_changes` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes - (100 + length(CAST(old.what AS BLOB)) + coalesce(length(CAST(old.result AS BLOB)), 0))
    WHERE owner = (SELECT owner FROM keyed_calls WHERE id = old.call_id);
END;
--> statement-breakpoint
-- While the call is still there, so that the trigger above finds whose it was.
CREATE TRIGGER `keyed_calls_usage_changes` BEFORE DELETE ON `keyed_calls` BEGIN
  DELETE FROM keyed_call_changes WHERE call_id = old.id;
END;
--> statement-breakpoint
UPDATE `usage` SET stored_bytes = (SELECT stored_bytes FROM usage_measured WHERE usage_measured.owner = usage.owner)
  WHERE EXISTS (SELECT 1 FROM keyed_call_changes);
