CREATE TABLE `usage` (
	`owner` text PRIMARY KEY NOT NULL,
	`history_bytes` integer DEFAULT 0 NOT NULL,
	`state_bytes` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
ALTER TABLE `open_requests` ADD `scope` text;--> statement-breakpoint
CREATE INDEX `clients_owner` ON `clients` (`owner`,`last_seen_at`) WHERE ended_at is null;--> statement-breakpoint
INSERT INTO `usage` (owner, history_bytes, state_bytes)
  SELECT owner, sum((SELECT coalesce(sum(length(CAST(content AS BLOB))), 0) FROM messages WHERE session_id = sessions.id)),
    sum((SELECT coalesce(sum(length(CAST(value AS BLOB))), 0) FROM session_state WHERE session_id = sessions.id))
  FROM sessions GROUP BY owner;
--> statement-breakpoint
CREATE TRIGGER messages_usage_insert AFTER INSERT ON messages BEGIN
  INSERT INTO usage (owner, history_bytes)
    SELECT owner, length(CAST(new.content AS BLOB)) FROM sessions WHERE id = new.session_id
    ON CONFLICT (owner) DO UPDATE SET history_bytes = history_bytes + excluded.history_bytes;
END;
--> statement-breakpoint
CREATE TRIGGER messages_usage_update AFTER UPDATE OF content ON messages BEGIN
  UPDATE usage SET history_bytes = history_bytes + length(CAST(new.content AS BLOB)) - length(CAST(old.content AS BLOB))
    WHERE owner = (SELECT owner FROM sessions WHERE id = new.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER messages_usage_delete AFTER DELETE ON messages BEGIN
  UPDATE usage SET history_bytes = history_bytes - length(CAST(old.content AS BLOB))
    WHERE owner = (SELECT owner FROM sessions WHERE id = old.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER state_usage_insert AFTER INSERT ON session_state BEGIN
  INSERT INTO usage (owner, state_bytes)
    SELECT owner, length(CAST(new.value AS BLOB)) FROM sessions WHERE id = new.session_id
    ON CONFLICT (owner) DO UPDATE SET state_bytes = state_bytes + excluded.state_bytes;
END;
--> statement-breakpoint
CREATE TRIGGER state_usage_update AFTER UPDATE OF value ON session_state BEGIN
  UPDATE usage SET state_bytes = state_bytes + length(CAST(new.value AS BLOB)) - length(CAST(old.value AS BLOB))
    WHERE owner = (SELECT owner FROM sessions WHERE id = new.session_id);
END;
--> statement-breakpoint
CREATE TRIGGER state_usage_delete AFTER DELETE ON session_state BEGIN
  UPDATE usage SET state_bytes = state_bytes - length(CAST(old.value AS BLOB))
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
--> statement-breakpoint
-- An operator may give a session to somebody else.
CREATE TRIGGER sessions_usage_owner AFTER UPDATE OF owner ON sessions WHEN new.owner <> old.owner BEGIN
  INSERT INTO usage (owner, history_bytes, state_bytes)
    SELECT new.owner,
      (SELECT coalesce(sum(length(CAST(content AS BLOB))), 0) FROM messages WHERE session_id = new.id),
      (SELECT coalesce(sum(length(CAST(value AS BLOB))), 0) FROM session_state WHERE session_id = new.id)
    WHERE true
    ON CONFLICT (owner) DO UPDATE SET history_bytes = history_bytes + excluded.history_bytes,
      state_bytes = state_bytes + excluded.state_bytes;
  UPDATE usage SET
    history_bytes = history_bytes
      - (SELECT coalesce(sum(length(CAST(content AS BLOB))), 0) FROM messages WHERE session_id = new.id),
    state_bytes = state_bytes
      - (SELECT coalesce(sum(length(CAST(value AS BLOB))), 0) FROM session_state WHERE session_id = new.id)
    WHERE owner = old.owner;
  DELETE FROM usage WHERE history_bytes = 0 AND state_bytes = 0;
END;
