CREATE TABLE `task_steps` (
	`task_id` text NOT NULL,
	`name` text NOT NULL,
	`kind` text NOT NULL,
	`seq` integer NOT NULL,
	`request` text,
	`result` text,
	`failures` integer DEFAULT 0 NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`task_id`, `name`),
	FOREIGN KEY (`task_id`) REFERENCES `tasks`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `tasks` (
	`id` text PRIMARY KEY NOT NULL,
	`owner` text NOT NULL,
	`session_id` text,
	`tool` text NOT NULL,
	`arguments` text NOT NULL,
	`origin` text NOT NULL,
	`status` text NOT NULL,
	`status_message` text,
	`progress` real,
	`progress_total` real,
	`result` text,
	`error` text,
	`checkpoint` text,
	`revision` integer DEFAULT 1 NOT NULL,
	`attempt` integer DEFAULT 0 NOT NULL,
	`instance_id` text,
	`caller_instance` text,
	`wake_at` integer,
	`cancel_requested` integer DEFAULT false NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`expires_at` integer,
	`finished_at` integer,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `tasks_owner` ON `tasks` (`owner`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `tasks_created` ON `tasks` (`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `tasks_session` ON `tasks` (`session_id`);--> statement-breakpoint
CREATE INDEX `tasks_open` ON `tasks` (`owner`) WHERE finished_at is null;--> statement-breakpoint
CREATE INDEX `tasks_due` ON `tasks` (`wake_at`) WHERE wake_at is not null;--> statement-breakpoint
CREATE INDEX `tasks_running` ON `tasks` (`instance_id`) WHERE instance_id is not null;--> statement-breakpoint
CREATE INDEX `tasks_expiry` ON `tasks` (`expires_at`) WHERE expires_at is not null;--> statement-breakpoint
-- Tasks and their steps are on their owner's account.
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
  SELECT tasks.owner, 0, 0, 800 + octet_length(tasks.arguments) + octet_length(tasks.origin) + coalesce(octet_length(tasks.status_message), 0) + coalesce(octet_length(tasks.checkpoint), 0) + coalesce(octet_length(tasks.result), 0) + coalesce(octet_length(tasks.error), 0), false FROM tasks
  UNION ALL
  SELECT tasks.owner, 0, 0, 200 + 2 * octet_length(task_steps.name) + coalesce(octet_length(task_steps.request), 0) + coalesce(octet_length(task_steps.result), 0), false FROM task_steps JOIN tasks ON tasks.id = task_steps.task_id
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
CREATE TRIGGER `tasks_usage_insert` AFTER INSERT ON `tasks` BEGIN
  INSERT INTO usage (owner, stored_bytes) VALUES (new.owner, 800 + length(CAST(new.arguments AS BLOB)) + length(CAST(new.origin AS BLOB)) + coalesce(length(CAST(new.status_message AS BLOB)), 0) + coalesce(length(CAST(new.checkpoint AS BLOB)), 0) + coalesce(length(CAST(new.result AS BLOB)), 0) + coalesce(length(CAST(new.error AS BLOB)), 0))
    ON CONFLICT (owner) DO UPDATE SET stored_bytes = stored_bytes + excluded.stored_bytes;
END;
--> statement-breakpoint
CREATE TRIGGER `tasks_usage_update` AFTER UPDATE OF status_message, checkpoint, result, error ON `tasks` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + (800 + length(CAST(new.arguments AS BLOB)) + length(CAST(new.origin AS BLOB)) + coalesce(length(CAST(new.status_message AS BLOB)), 0) + coalesce(length(CAST(new.checkpoint AS BLOB)), 0) + coalesce(length(CAST(new.result AS BLOB)), 0) + coalesce(length(CAST(new.error AS BLOB)), 0)) - (800 + length(CAST(old.arguments AS BLOB)) + length(CAST(old.origin AS BLOB)) + coalesce(length(CAST(old.status_message AS BLOB)), 0) + coalesce(length(CAST(old.checkpoint AS BLOB)), 0) + coalesce(length(CAST(old.result AS BLOB)), 0) + coalesce(length(CAST(old.error AS BLOB)), 0))
    WHERE owner = new.owner;
END;
--> statement-breakpoint
-- While the task is still there, so that the trigger of its steps finds whose it was.
CREATE TRIGGER `tasks_steps` BEFORE DELETE ON `tasks` BEGIN
  DELETE FROM task_steps WHERE task_id = old.id;
END;
--> statement-breakpoint
CREATE TRIGGER `tasks_usage_delete` AFTER DELETE ON `tasks` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes - (800 + length(CAST(old.arguments AS BLOB)) + length(CAST(old.origin AS BLOB)) + coalesce(length(CAST(old.status_message AS BLOB)), 0) + coalesce(length(CAST(old.checkpoint AS BLOB)), 0) + coalesce(length(CAST(old.result AS BLOB)), 0) + coalesce(length(CAST(old.error AS BLOB)), 0))
    WHERE owner = old.owner;
  DELETE FROM usage WHERE owner = old.owner AND stored_bytes = 0;
END;
--> statement-breakpoint
CREATE TRIGGER `task_steps_usage_insert` AFTER INSERT ON `task_steps` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + 200 + 2 * length(CAST(new.name AS BLOB)) + coalesce(length(CAST(new.request AS BLOB)), 0) + coalesce(length(CAST(new.result AS BLOB)), 0)
    WHERE owner = (SELECT owner FROM tasks WHERE id = new.task_id);
END;
--> statement-breakpoint
CREATE TRIGGER `task_steps_usage_update` AFTER UPDATE OF request, result ON `task_steps` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + (200 + 2 * length(CAST(new.name AS BLOB)) + coalesce(length(CAST(new.request AS BLOB)), 0) + coalesce(length(CAST(new.result AS BLOB)), 0)) - (200 + 2 * length(CAST(old.name AS BLOB)) + coalesce(length(CAST(old.request AS BLOB)), 0) + coalesce(length(CAST(old.result AS BLOB)), 0))
    WHERE owner = (SELECT owner FROM tasks WHERE id = new.task_id);
END;
--> statement-breakpoint
CREATE TRIGGER `task_steps_usage_delete` AFTER DELETE ON `task_steps` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes - (200 + 2 * length(CAST(old.name AS BLOB)) + coalesce(length(CAST(old.request AS BLOB)), 0) + coalesce(length(CAST(old.result AS BLOB)), 0))
    WHERE owner = (SELECT owner FROM tasks WHERE id = old.task_id);
END;
--> statement-breakpoint
-- What has ended may quote the session; what runs goes on.
DROP TRIGGER `session_traces_delete`;
--> statement-breakpoint
CREATE TRIGGER `session_traces_delete` INSTEAD OF DELETE ON `session_traces` BEGIN
  DELETE FROM session_events WHERE session_id = old.session_id;
  DELETE FROM keyed_call_changes WHERE call_id IN (SELECT id FROM session_calls WHERE session_id = old.session_id);
  DELETE FROM session_outcomes WHERE session_id = old.session_id;
  DELETE FROM outbox WHERE session_id = old.session_id;
  DELETE FROM tasks WHERE session_id = old.session_id AND finished_at IS NOT NULL;
END;
--> statement-breakpoint
CREATE VIEW `task_overview` AS
SELECT t.id AS task, t.owner, t.tool, t.status, t.status_message, t.session_id AS session, t.progress, t.progress_total, t.attempt,
  strftime('%Y-%m-%d %H:%M:%S', t.created_at / 1000, 'unixepoch') AS created,
  strftime('%Y-%m-%d %H:%M:%S', t.updated_at / 1000, 'unixepoch') AS updated,
  strftime('%Y-%m-%d %H:%M:%S', t.wake_at / 1000, 'unixepoch') AS wakes,
  strftime('%Y-%m-%d %H:%M:%S', t.expires_at / 1000, 'unixepoch') AS expires
FROM tasks t ORDER BY t.created_at DESC;
