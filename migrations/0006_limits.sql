CREATE TABLE `usage` (
	`owner` text PRIMARY KEY NOT NULL,
	`history_bytes` integer DEFAULT 0 NOT NULL,
	`state_bytes` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
ALTER TABLE `open_requests` ADD `scope` text;--> statement-breakpoint
CREATE INDEX `clients_owner` ON `clients` (`owner`,`last_seen_at`) WHERE ended_at is null;--> statement-breakpoint
INSERT INTO `usage` (owner, history_bytes, state_bytes)
  SELECT owner, sum((SELECT coalesce(sum(octet_length(content)), 0) FROM messages WHERE session_id = sessions.id)),
    sum((SELECT coalesce(sum(octet_length(value)), 0) FROM session_state WHERE session_id = sessions.id))
  FROM sessions GROUP BY owner;
--> statement-breakpoint
CREATE TRIGGER messages_usage_insert AFTER INSERT ON messages BEGIN
  INSERT INTO usage (owner, history_bytes)
    SELECT owner, octet_length(new.content) FROM sessions WHERE id = new.session_id
    ON CONFLICT (owner) DO UPDATE SET history_bytes = history_bytes + excluded.history_bytes;
END;
--> statement-breakpoint
CREATE TRIGGER messages_usage_update AFTER UPDATE OF content ON messages BEGIN
  UPDATE usage SET history_bytes = history_bytes + octet_length(new.content) - octet_length(old.content)
    WHERE owner = (SELECT owner FROM sessions WHERE id = new.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER messages_usage_delete AFTER DELETE ON messages BEGIN
  UPDATE usage SET history_bytes = history_bytes - octet_length(old.content)
    WHERE owner = (SELECT owner FROM sessions WHERE id = old.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER state_usage_insert AFTER INSERT ON session_state BEGIN
  INSERT INTO usage (owner, state_bytes)
    SELECT owner, octet_length(new.value) FROM sessions WHERE id = new.session_id
    ON CONFLICT (owner) DO UPDATE SET state_bytes = state_bytes + excluded.state_bytes;
END;
--> statement-breakpoint
CREATE TRIGGER state_usage_update AFTER UPDATE OF value ON session_state BEGIN
  UPDATE usage SET state_bytes = state_bytes + octet_length(new.value) - octet_length(old.value)
    WHERE owner = (SELECT owner FROM sessions WHERE id = new.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER state_usage_delete AFTER DELETE ON session_state BEGIN
  UPDATE usage SET state_bytes = state_bytes - octet_length(old.value)
    WHERE owner = (SELECT owner FROM sessions WHERE id = old.session_id);
END;
--> statement-breakpoint
-- While the session is still there, so that the triggers above find whose rows these were.
CREATE TRIGGER sessions_usage BEFORE DELETE ON sessions BEGIN
  DELETE FROM messages WHERE session_id = old.id;
  DELETE FROM session_state WHERE session_id = old.id;
END;
--> statement-breakpoint
-- Who has nothing stored is not in the table.
CREATE TRIGGER usage_empty AFTER UPDATE ON usage WHEN new.history_bytes = 0 AND new.state_bytes = 0 BEGIN
  DELETE FROM usage WHERE owner = new.owner;
END;
