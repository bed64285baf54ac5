ALTER TABLE `history_gaps` ADD `cleared_seq` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `history_gaps_cleared` ON `history_gaps` (`session_id`) WHERE cleared_seq > 0;--> statement-breakpoint
-- The rows of a cleared history are invisible while they go.
DROP VIEW `session_overview`;
--> statement-breakpoint
CREATE VIEW `session_overview` AS
SELECT
  s.id AS session,
  s.owner,
  s.name,
  s.title,
  (SELECT count(*) FROM messages m WHERE m.session_id = s.id
    AND m.seq > coalesce((SELECT g.cleared_seq FROM history_gaps g WHERE g.session_id = s.id), 0)) AS messages,
  (SELECT count(*) FROM session_state v WHERE v.session_id = s.id) AS state_keys,
  (SELECT group_concat(DISTINCT c.name) FROM clients c WHERE c.session_id = s.id) AS clients,
  CASE s.pinned WHEN 1 THEN 'yes' ELSE '' END AS pinned,
  strftime('%Y-%m-%d %H:%M:%S', s.created_at / 1000, 'unixepoch') AS created,
  strftime('%Y-%m-%d %H:%M:%S', s.last_active_at / 1000, 'unixepoch') AS last_active
FROM sessions s
ORDER BY s.last_active_at DESC;
--> statement-breakpoint
DROP VIEW `conversation`;
--> statement-breakpoint
CREATE VIEW `conversation` AS
SELECT
  m.session_id AS session,
  m.seq,
  strftime('%Y-%m-%d %H:%M:%S', m.created_at / 1000, 'unixepoch') AS time,
  m.role,
  m.content,
  m.status,
  m.model,
  m.author
FROM messages m
WHERE m.seq > coalesce((SELECT g.cleared_seq FROM history_gaps g WHERE g.session_id = m.session_id), 0)
ORDER BY m.session_id, m.seq;
