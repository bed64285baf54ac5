-- Full-text index over messages. It holds no text of its own: the triggers keep it in step with the table.
CREATE VIRTUAL TABLE `messages_fts` USING fts5(content, content='messages', content_rowid='id', tokenize="unicode61 remove_diacritics 2");
--> statement-breakpoint
CREATE TRIGGER `messages_fts_insert` AFTER INSERT ON `messages` BEGIN
  INSERT INTO messages_fts(rowid, content) VALUES (new.id, new.content);
END;
--> statement-breakpoint
CREATE TRIGGER `messages_fts_delete` AFTER DELETE ON `messages` BEGIN
  INSERT INTO messages_fts(messages_fts, rowid, content) VALUES ('delete', old.id, old.content);
END;
--> statement-breakpoint
CREATE TRIGGER `messages_fts_update` AFTER UPDATE OF content ON `messages` BEGIN
  INSERT INTO messages_fts(messages_fts, rowid, content) VALUES ('delete', old.id, old.content);
  INSERT INTO messages_fts(rowid, content) VALUES (new.id, new.content);
END;
--> statement-breakpoint
-- Views for people: human times, counts, the newest first.
CREATE VIEW `session_overview` AS
SELECT
  s.id AS session,
  s.owner,
  s.name,
  s.title,
  (SELECT count(*) FROM messages m WHERE m.session_id = s.id) AS messages,
  (SELECT count(*) FROM session_state v WHERE v.session_id = s.id) AS state_keys,
  (SELECT group_concat(DISTINCT c.name) FROM clients c WHERE c.session_id = s.id) AS clients,
  CASE s.pinned WHEN 1 THEN 'yes' ELSE '' END AS pinned,
  strftime('%Y-%m-%d %H:%M:%S', s.created_at / 1000, 'unixepoch') AS created,
  strftime('%Y-%m-%d %H:%M:%S', s.last_active_at / 1000, 'unixepoch') AS last_active
FROM sessions s
ORDER BY s.last_active_at DESC;
--> statement-breakpoint
CREATE VIEW `conversation` AS
SELECT
  m.session_id AS session,
  m.seq,
  strftime('%Y-%m-%d %H:%M:%S', m.created_at / 1000, 'unixepoch') AS time,
  m.role,
  m.content,
  m.status,
  m.model
FROM messages m
ORDER BY m.session_id, m.seq;
--> statement-breakpoint
CREATE VIEW `state_overview` AS
SELECT
  v.session_id AS session,
  s.name,
  v.key,
  v.value,
  v.version,
  strftime('%Y-%m-%d %H:%M:%S', v.updated_at / 1000, 'unixepoch') AS updated,
  strftime('%Y-%m-%d %H:%M:%S', v.expires_at / 1000, 'unixepoch') AS expires
FROM session_state v
JOIN sessions s ON s.id = v.session_id
ORDER BY v.session_id, v.key;
